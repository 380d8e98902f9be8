"""Makes an SQLite store with the tables that MLflow 2.22 and 3.17 have in common: store.py FILE RUNS."""
import sqlite3, sys

file, runs = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(file)
db.executescript(
    """
CREATE TABLE experiments (experiment_id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256),
    lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT);
CREATE TABLE experiment_tags (key VARCHAR(250) NOT NULL, value TEXT, experiment_id INTEGER NOT NULL, PRIMARY KEY (key, experiment_id));
CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20), source_name VARCHAR(500),
    entry_point_name VARCHAR(50), user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT, end_time BIGINT,
    source_version VARCHAR(50), lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER, deleted_time BIGINT);
CREATE TABLE metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL, PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE TABLE params (key VARCHAR(250) NOT NULL, value VARCHAR(8000) NOT NULL, run_uuid VARCHAR(32) NOT NULL, PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid VARCHAR(32) NOT NULL, PRIMARY KEY (key, run_uuid));
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
INSERT INTO experiments VALUES (1, 'demo', './mlruns/1', 'active', 0, 0);
"""
)
for n in range(runs):
    id = f"{n:032x}"
    start = 1_500_000_000_000 + n * 3_600_000
    db.execute(
        "INSERT INTO runs VALUES (?, ?, 'LOCAL', '', '', 'alice', 'FINISHED', ?, ?, '', 'active', ?, 1, NULL)",
        (id, f"run {n}", start, start + 60_000, f"./mlruns/1/{id}/artifacts"),
    )
    db.executemany("INSERT INTO params VALUES (?, ?, ?)", [(f"p{p}", str(p * n), id) for p in range(5)])
    db.execute("INSERT INTO tags VALUES ('mlflow.source.name', 'train.py', ?)", (id,))
    db.executemany(
        "INSERT INTO metrics VALUES ('loss', ?, ?, ?, ?, 0)", [(1 / (s + 1), start + s, id, s) for s in range(20)]
    )
db.commit()
