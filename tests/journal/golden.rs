//! Format 1, kept as files: every later version must read them, and this one must still write them byte by byte.
use crate::log::tell;
use dlinfra::journal::{self, Memory, MemoryBackend};
use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal-v1")
}

fn stored() -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    for entry in fs::read_dir(folder().join("log")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        out.insert(format!("log/{name}"), fs::read(&path).unwrap());
    }
    out
}

fn expected() -> Memory {
    serde_json::from_slice(&fs::read(folder().join("memory.json")).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn format_1_is_read() {
    let backend = MemoryBackend::new();
    for (key, bytes) in stored() {
        backend.set(&key, &bytes);
    }
    assert_eq!(journal::read(&backend).await.unwrap(), expected());
}

/// `UPDATE_GOLDEN=1` writes them; only a new format may change them, and then in a new folder.
#[tokio::test(start_paused = true)]
async fn format_1_is_written() {
    let backend = MemoryBackend::new();
    let journal = tell(Arc::new(backend.clone())).await;
    let written: BTreeMap<_, _> = backend.objects().into_iter().filter(|(k, _)| k.starts_with("log/")).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(folder().join("log")).unwrap();
        for (key, bytes) in &written {
            fs::write(folder().join(key), bytes).unwrap();
        }
        let memory = serde_json::to_string_pretty(&journal.memory()).unwrap();
        fs::write(folder().join("memory.json"), memory + "\n").unwrap();
    }
    let text = |b: &Vec<u8>| String::from_utf8(b.clone()).unwrap();
    let as_text = |all: &BTreeMap<String, Vec<u8>>| all.iter().map(|(k, b)| (k.clone(), text(b))).collect::<Vec<_>>();
    assert_eq!(as_text(&written), as_text(&stored()));
    assert!(written.values().all(|b| text(b).lines().all(|l| l.starts_with("{\"v\":1,"))));
}
