//! Programs that keep running after the tool has ended: MiniStack and the MariaDB servers.
//!
//! Each runs in its own session. Its pid file has the process id and the time at which the process began. So another
//! program that has got the same process id later is never mistaken for it. Stopping a service ends the whole session,
//! including the functions that MiniStack has started.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::command::tail;
use crate::failure::{Doing, Result};
use crate::settings::Settings;

const POLL: Duration = Duration::from_millis(20);
const READY_WITHIN: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(3);
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// A program that runs in the background.
#[derive(Clone, Debug)]
pub struct Service {
    name: String,
    pid_file: PathBuf,
    log: PathBuf,
}

/// A process id and a start time, which distinguish a process from a later one with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    pid: u32,
    /// When the process began, in clock ticks since the system was booted, with the id of that boot.
    began: String,
}

impl Service {
    /// The service called `name` of the stack.
    pub fn new(settings: &Settings, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            pid_file: settings.path("run").join(format!("{name}.pid")),
            log: settings.path("log").join(format!("{name}.log")),
        }
    }

    /// Every service of the stack that has a pid file.
    pub fn all(settings: &Settings) -> Vec<Self> {
        let Ok(files) = fs::read_dir(settings.path("run")) else { return Vec::new() };
        let mut names: Vec<_> =
            files.filter_map(|file| Some(file.ok()?.file_name().to_str()?.strip_suffix(".pid")?.to_owned())).collect();
        names.sort();
        names.iter().map(|name| Self::new(settings, name)).collect()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.identity().is_some_and(|identity| began(identity.pid) == Some(identity.began))
    }

    /// Whether its log contains this text.
    pub fn log_contains(&self, text: &str) -> bool {
        fs::read(&self.log).is_ok_and(|log| String::from_utf8_lossy(&log).contains(text))
    }

    /// Starts `program` (with what `configure` sets) in its own session, and waits until `ready` returns true.
    ///
    /// # Errors
    /// When it does not start, ends early, or is not ready in time. Then it is stopped.
    pub fn start(
        &self,
        program: &Path,
        configure: impl FnOnce(&mut Command),
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        for file in [&self.pid_file, &self.log] {
            if let Some(directory) = file.parent() {
                fs::create_dir_all(directory).doing(format!("making {}", directory.display()))?;
            }
        }
        let output = File::create(&self.log).doing(format!("writing {}", self.log.display()))?;
        let errors = output.try_clone().doing(format!("writing {}", self.log.display()))?;
        // setsid creates the session and then executes the program, with the same process id.
        let mut command = Command::new("setsid");
        command.arg(program);
        configure(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .doing(format!("starting {}", self.name))?;
        let ended =
            |status: ExitStatus| format!("starting {}: it ended with {status}\n{}", self.name, tail(&self.log)).into();
        let Some(began) = began(child.id()) else {
            return Err(ended(child.wait().doing(format!("starting {}", self.name))?));
        };
        let text = format!("{} {began}\n", child.id());
        fs::write(&self.pid_file, text).doing(format!("writing {}", self.pid_file.display()))?;

        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().doing(format!("starting {}", self.name))? {
                self.stop()?;
                return Err(ended(status));
            }
            if ready() {
                return Ok(());
            }
            if start.elapsed() > READY_WITHIN {
                self.stop()?;
                return Err(format!(
                    "starting {}: not ready within {} s\n{}",
                    self.name,
                    READY_WITHIN.as_secs(),
                    tail(&self.log)
                )
                .into());
            }
            sleep(POLL);
        }
    }

    /// Ends its session, with SIGTERM at first, and with SIGKILL after a few seconds. Returns whether anything was
    /// running.
    ///
    /// # Errors
    /// When a process cannot be ended.
    pub fn stop(&self) -> Result<bool> {
        let Some(identity) = self.identity() else {
            let _ = fs::remove_file(&self.pid_file);
            return Ok(false);
        };
        // If another process has this id, ours has ended, and its session is empty: the system does not reuse the id of
        // a session that still has processes.
        let another = began(identity.pid).is_some_and(|now| now != identity.began);
        let members = || if another { Vec::new() } else { session(identity.pid) };
        let ran = !members().is_empty();
        for (signal, patience) in [("TERM", GRACE), ("KILL", KILLED_WITHIN)] {
            let start = Instant::now();
            while !members().is_empty() && start.elapsed() < patience {
                // Send the signal repeatedly, because a process that is just being started may miss it.
                send(signal, &members())?;
                let pause = Instant::now();
                while !members().is_empty() && pause.elapsed() < Duration::from_millis(500) {
                    sleep(POLL);
                }
            }
        }
        if !members().is_empty() {
            return Err(format!("stopping {}: processes {:?} do not end", self.name, members()).into());
        }
        let _ = fs::remove_file(&self.pid_file);
        Ok(ran)
    }

    fn identity(&self) -> Option<Identity> {
        let text = fs::read_to_string(&self.pid_file).ok()?;
        let (pid, began) = text.trim().split_once(' ')?;
        Some(Identity { pid: pid.parse().ok()?, began: began.to_owned() })
    }
}

/// When a running process began. None if there is no such process, or if it is a zombie.
fn began(pid: u32) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = Stat::of(pid)?;
    (stat.state != "Z").then(|| format!("{} {}", stat.began, boot.trim()))
}

/// The processes of a session.
fn session(id: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| Stat::of(*pid).is_some_and(|stat| stat.session == id && stat.state != "Z"))
        .collect()
}

fn send(signal: &str, pids: &[u32]) -> Result<()> {
    // Uses the shell's built-in `kill`, because not every system has the program. A process that has just ended is no
    // error.
    let script = "signal=$1; shift; for pid in \"$@\"; do kill -s \"$signal\" \"$pid\" 2>/dev/null; done; true";
    Command::new("sh")
        .args(["-c", script, "sh", signal])
        .args(pids.iter().map(u32::to_string))
        .status()
        .doing(format!("sending {signal} to {pids:?}"))?;
    Ok(())
}

/// The fields of `/proc/<pid>/stat`. Source: proc(5).
struct Stat {
    state: String,
    session: u32,
    began: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may itself contain any character.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        Some(Self {
            state: (*fields.first()?).to_owned(),
            session: fields.get(3)?.parse().ok()?,
            began: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Service {
        let directory = std::env::temp_dir().join(format!("local-service-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Service {
            name: name.to_owned(),
            pid_file: directory.join(format!("{name}.pid")),
            log: directory.join(format!("{name}.log")),
        }
    }

    fn shell(service: &Service, script: &str, ready: impl FnMut() -> bool) -> Result<()> {
        let configure = |command: &mut Command| {
            command.args(["-c", script]);
        };
        service.start(Path::new("sh"), configure, ready)
    }

    #[test]
    fn a_programs_name_may_contain_parentheses_and_spaces() {
        let stat = Stat::parse("7 (a) b (c)) S 1 7 5 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4711 9 9").unwrap();
        assert_eq!((stat.state.as_str(), stat.session, stat.began), ("S", 5, 4711));
    }

    #[test]
    fn stopping_also_ends_children_that_ignore_sigterm() {
        let service = service("stubborn");
        let ready = service.log.with_extension("ready");
        let script = format!("(trap '' TERM; touch '{}'; sleep 60; sleep 60) & wait", ready.display());
        shell(&service, &script, || ready.exists()).unwrap();
        let pid = service.identity().unwrap().pid;
        assert!(service.is_running());
        assert!(service.stop().unwrap());
        assert!(session(pid).is_empty());
        assert!(!service.is_running());
    }

    #[test]
    fn a_program_that_ends_before_it_is_ready_is_reported_with_its_output() {
        let failure = shell(&service("broken"), "echo no port; exit 3", || false).unwrap_err().to_string();
        assert!(failure.contains("no port") && failure.contains('3'), "{failure}");
    }

    #[test]
    fn a_recycled_process_id_is_left_alone() {
        let service = service("recycled");
        fs::write(&service.pid_file, format!("{} 1 another-boot\n", std::process::id())).unwrap();
        assert!(!service.is_running());
        assert!(!service.stop().unwrap());
        assert!(!service.pid_file.exists());
    }
}
