//! The resources that a run asks its engine for: `resources` of a `.compute` file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most words of `extra`.
const MOST_EXTRA: usize = 100;
/// The most GPUs of a computer.
const MOST_GPUS: u32 = 1000;
/// The seconds of a day, an hour and a minute.
const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * MINUTE;
const MINUTE: u64 = 60;

/// The resources of a run. What is not asked for is the engine's own default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Processors.
    pub cpus: Option<u32>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// GPUs: a number, or a type and a number (`a100:2`).
    pub gpus: Option<String>,
    /// The longest time, in seconds.
    pub time: Option<u64>,
    /// Slurm's partition.
    pub partition: Option<String>,
    /// Slurm's account.
    pub account: Option<String>,
    /// Options for the engine's own command, as they are.
    pub extra: Vec<String>,
}

/// The reason why resources are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}: {value}` under `resources`: {why}")]
pub struct BadResource {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The values that it can have.
    pub why: &'static str,
}

impl Resources {
    /// Reads what a `.compute` file has under `resources`. Unknown keys are other programs'.
    pub fn of(value: &Value) -> Result<Self, BadResource> {
        let empty = Map::new();
        let map = match value {
            Value::Null => &empty,
            Value::Object(map) => map,
            other => return Err(bad("resources", other, "it has keys and values")),
        };
        let mut resources = Self::default();
        for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            let text = plain(value);
            match key.as_str() {
                "cpus" => {
                    let cpus = text.parse().ok().filter(|cpus| *cpus > 0);
                    resources.cpus = Some(cpus.ok_or_else(|| bad(key, value, "a number, from 1"))?);
                }
                "memory" => {
                    let memory = crate::text::parse_size(&text).filter(|bytes| *bytes > 0);
                    resources.memory = Some(memory.ok_or_else(|| bad(key, value, "a size, such as 8GB"))?);
                }
                "gpus" => {
                    let (kind, count) = text.rsplit_once(':').unwrap_or(("any", &text));
                    let is_one = is_word(kind) && count.parse::<u32>().is_ok_and(|count| count <= MOST_GPUS);
                    let gpus = is_one.then(|| text.clone());
                    resources.gpus = Some(gpus.ok_or_else(|| bad(key, value, "a number, or TYPE:NUMBER"))?);
                }
                "time" => {
                    let time = seconds(&text).filter(|seconds| *seconds > 0);
                    resources.time =
                        Some(time.ok_or_else(|| bad(key, value, "a time, such as 90m, 12h or 1-06:00:00"))?);
                }
                "partition" | "account" => {
                    // Slurm takes several partitions, with commas.
                    if !text.split(',').all(is_word) {
                        return Err(bad(key, value, "a name"));
                    }
                    let place =
                        if key == "account" { &mut resources.account } else { &mut resources.partition };
                    *place = Some(text);
                }
                "extra" => {
                    resources.extra = match value {
                        Value::Array(words) => words.iter().map(plain).collect(),
                        _ => vec![text],
                    };
                    let is_option =
                        |word: &String| word.starts_with("--") && !word.contains(char::is_control);
                    if resources.extra.len() > MOST_EXTRA || !resources.extra.iter().all(is_option) {
                        return Err(bad(key, value, "a list of options, such as --constraint=big"));
                    }
                }
                _ => {}
            }
        }
        Ok(resources)
    }

    /// The words by which Slurm's `sbatch` is asked for them.
    pub fn for_sbatch(&self) -> Vec<String> {
        let time = self.time.map(|seconds| seconds.div_ceil(MINUTE));
        [
            self.cpus.map(|cpus| format!("--cpus-per-task={cpus}")),
            self.memory.map(|bytes| format!("--mem={}M", bytes.div_ceil(1 << 20))),
            self.gpus.as_ref().map(|gpus| format!("--gres=gpu:{gpus}")),
            time.map(|minutes| format!("--time={minutes}")),
            self.partition.as_ref().map(|partition| format!("--partition={partition}")),
            self.account.as_ref().map(|account| format!("--account={account}")),
        ]
        .into_iter()
        .flatten()
        .chain(self.extra.iter().cloned())
        .collect()
    }

    /// The words by which a container of podman's, or docker's, is given them.
    pub fn for_container(&self, is_podman: bool) -> Vec<String> {
        let memory = self.memory.map(|bytes| format!("--memory={bytes}"));
        // Without this a container may use as much again of the disk.
        let swap = self.memory.map(|bytes| format!("--memory-swap={bytes}"));
        let count =
            self.gpus.as_ref().map(|gpus| gpus.rsplit_once(':').map_or(gpus.as_str(), |(_, count)| count));
        let gpus: Vec<String> = match count {
            // podman knows them by the names of the Container Device Interface.
            Some(count) if is_podman => (0..count.parse::<u32>().unwrap_or_default())
                .map(|gpu| format!("--device=nvidia.com/gpu={gpu}"))
                .collect(),
            count => count.map(|count| format!("--gpus={count}")).into_iter().collect(),
        };
        [self.cpus.map(|cpus| format!("--cpus={cpus}")), memory, swap]
            .into_iter()
            .flatten()
            .chain(gpus)
            .chain(self.extra.iter().cloned())
            .collect()
    }
}

fn bad(key: &str, value: &Value, why: &'static str) -> BadResource {
    BadResource { key: key.to_owned(), value: plain(value), why }
}

fn is_word(text: &str) -> bool {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_in_name)
}

/// A time as Slurm writes it (minutes, `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`, `D-HH:MM:SS`), or as a number with a unit.
fn seconds(text: &str) -> Option<u64> {
    let units = [('s', 1), ('m', MINUTE), ('h', HOUR), ('d', DAY)];
    if let Some((unit, number)) =
        units.iter().find_map(|(unit, seconds)| Some((*seconds, text.strip_suffix(*unit)?)))
    {
        return number.parse::<u64>().ok()?.checked_mul(unit);
    }
    let numbers =
        |text: &str| text.split(':').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    let (days, parts, units): (u64, _, [u64; 3]) = match text.split_once('-') {
        Some((days, rest)) => (days.parse().ok()?, numbers(rest)?, [HOUR, MINUTE, 1]),
        None => match numbers(text)? {
            parts if parts.len() < 3 => (0, parts, [MINUTE, 1, 0]),
            parts => (0, parts, [HOUR, MINUTE, 1]),
        },
    };
    if parts.len() > 3 {
        return None;
    }
    let sum =
        parts.iter().zip(units).try_fold(0_u64, |sum, (part, unit)| sum.checked_add(part.checked_mul(unit)?));
    sum?.checked_add(days.checked_mul(DAY)?)
}

/// A scalar as text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resources_are_read_and_asked_for_in_the_engines_words() {
        let resources = Resources::of(&json!({
            "cpus": 4, "memory": "8GB", "gpus": "a100:2", "time": "1-06:00:00", "partition": "gpu,big",
            "account": "lab", "extra": ["--constraint=big", "--exclusive"], "other": {"a": 1}, "none": null,
        }))
        .unwrap();
        let words = resources.for_sbatch().join(" ");
        let expect = "--cpus-per-task=4 --mem=7630M --gres=gpu:a100:2 --time=1800 --partition=gpu,big --account=lab \
                      --constraint=big --exclusive";
        assert_eq!(words, expect);
        let small = Resources::of(&json!({"cpus": "2", "memory": "1000000", "gpus": 1})).unwrap();
        let both = "--cpus=2 --memory=1000000 --memory-swap=1000000";
        assert_eq!(small.for_container(false).join(" "), format!("{both} --gpus=1"));
        assert_eq!(small.for_container(true).join(" "), format!("{both} --device=nvidia.com/gpu=0"));
        assert_eq!(Resources::of(&Value::Null).unwrap(), Resources::default());
    }

    #[test]
    fn times_are_slurms_or_have_a_unit() {
        for (text, expect) in [
            ("90", Some(5400)),
            ("90m", Some(5400)),
            ("2h", Some(7200)),
            ("1d", Some(86_400)),
            ("30s", Some(30)),
            ("1:30", Some(90)),
            ("1:30:00", Some(5400)),
            ("2-1", Some(2 * DAY + HOUR)),
            ("2-01:02:03", Some(2 * DAY + HOUR + 2 * MINUTE + 3)),
            ("", None),
            ("soon", None),
            ("1:2:3:4", None),
            ("-1", None),
            ("99999999999999999999d", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(seconds(text), expect, "{text}");
        }
    }

    #[test]
    fn what_no_engine_can_give_is_refused_by_its_key() {
        for (value, key) in [
            (json!({"cpus": 0}), "cpus"),
            (json!({"memory": "much"}), "memory"),
            (json!({"gpus": "-x:1"}), "gpus"),
            (json!({"gpus": 4_000_000_000_u32}), "gpus"),
            (json!({"time": "0"}), "time"),
            (json!({"partition": "--uid=0"}), "partition"),
            (json!({"account": "a b"}), "account"),
            (json!({"extra": "; rm -rf"}), "extra"),
            (json!([1]), "resources"),
        ] {
            assert_eq!(Resources::of(&value).unwrap_err().key, key, "{value}");
        }
    }
}
