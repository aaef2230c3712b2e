"""Validates reports: check.py FILE… prints one line for each that is not as its schema says.

`.sarif` is held against the JSON Schema of SARIF 2.1.0, by the OASIS SARIF TC, as the crate serde-sarif 0.8.0 carries it
(MIT, copyright 2021 Paul Sastrasinh); `.xml` against the schema of Jenkins' xUnit plugin, as pytest carries it (MIT,
copyright 2014 Gregory Boissinot).
"""

import json
import sys
from pathlib import Path

import fastjsonschema
from lxml import etree

HERE = Path(__file__).parent


def main(files):
    sarif = fastjsonschema.compile(json.loads((HERE / "sarif-2.1.0.json").read_text()))
    junit = etree.XMLSchema(etree.parse(HERE / "junit-10.xsd"))
    wrong = []
    for file in map(Path, files):
        try:
            if file.suffix == ".sarif":
                sarif(json.loads(file.read_text()))
            else:
                junit.assertValid(etree.parse(file))
        except (ValueError, etree.Error, fastjsonschema.JsonSchemaException) as error:
            wrong.append(f"{file.name}: {error}")
    print("\n".join(wrong))
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
