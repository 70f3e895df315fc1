//! The script of the book for a Slurm cluster, on a cluster of this one machine.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_support::needs;

use crate::support::Folder;

/// Slurm's daemons of this machine alone, with their own ports, keys and state.
struct Cluster {
    folder: PathBuf,
    daemons: Vec<Child>,
}

impl Cluster {
    fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("state")).expect("a folder");
        std::fs::create_dir_all(folder.join("spool")).expect("a folder");
        let at = |name: &str| folder.join(name).display().to_string();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name of this machine");
        let host = host.trim().split('.').next().unwrap_or_default().to_owned();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Ports that are free now; the sockets are closed when the list is dropped.
        let sockets = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [controller, node] = sockets.each_ref().map(|socket| socket.local_addr().expect("an address").port());
        drop(sockets);
        let lines = [
            "ClusterName=druse".to_owned(),
            format!("SlurmctldHost={host}(127.0.0.1)"),
            "SlurmUser=root\nSlurmdUser=root\nAuthType=auth/munge".to_owned(),
            format!("AuthInfo=socket={}", at("munge.socket")),
            format!("SlurmctldPort={controller}\nSlurmdPort={node}"),
            format!("StateSaveLocation={}\nSlurmdSpoolDir={}", at("state"), at("spool")),
            format!("SlurmctldPidFile={}\nSlurmdPidFile={}", at("slurmctld.pid"), at("slurmd.pid")),
            "ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nReturnToService=2".to_owned(),
            "SelectType=select/cons_tres\nSelectTypeParameters=CR_Core".to_owned(),
            "SchedulerParameters=sched_interval=1,bf_interval=1".to_owned(),
            format!("NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN"),
            format!("PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP\n"),
        ];
        std::fs::write(folder.join("slurm.conf"), lines.join("\n")).expect("a file");
        let mut cluster = Self { folder: folder.to_owned(), daemons: vec![] };
        let key = std::fs::read("/proc/sys/kernel/random/uuid").expect("random bytes").repeat(4);
        std::fs::write(folder.join("munge.key"), key).expect("a file");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.join("munge.key"), private).expect("permissions");
        let munge = [
            ("--socket", "munge.socket"),
            ("--key-file", "munge.key"),
            ("--pid-file", "munged.pid"),
            ("--log-file", "munged.log"),
            ("--seed-file", "munged.seed"),
        ];
        let munge: Vec<String> = munge.map(|(option, file)| format!("{option}={}", at(file))).into();
        cluster.daemon("munged", &[&["--foreground".to_owned(), "--force".to_owned()], munge.as_slice()].concat());
        cluster.wait("munged", |cluster| cluster.folder.join("munge.socket").exists());
        cluster.daemon("slurmctld", &["-D".to_owned(), "-c".to_owned()]);
        cluster.daemon("slurmd", &["-D".to_owned()]);
        cluster.wait("a node", |cluster| {
            let output = cluster.command("sinfo").args(["--noheader", "--format=%t"]).output().expect("sinfo");
            String::from_utf8_lossy(&output.stdout).trim() == "idle"
        });
        cluster
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Debian keeps daemons where not every user's path leads.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        command.env("SLURM_CONF", self.folder.join("slurm.conf")).env("PATH", path);
        command
    }

    fn daemon(&mut self, program: &str, arguments: &[String]) {
        let log = std::fs::File::create(self.folder.join(format!("{program}.out"))).expect("a file");
        let errors = log.try_clone().expect("a file");
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::null()).stdout(log).stderr(errors);
        self.daemons.push(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")));
    }

    fn wait(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < Duration::from_secs(240), "{what} does not come\n{}", self.logs());
            for daemon in &mut self.daemons {
                let ended = daemon.try_wait().expect("a process");
                assert!(ended.is_none(), "a daemon of Slurm ended: {ended:?}\n{}", self.logs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        ["munged.out", "slurmctld.out", "slurmd.out"].map(|name| format!("{name}: {}\n", read(name))).concat()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // In order: each needs those before it to end.
        for daemon in self.daemons.iter_mut().rev() {
            let _ = Command::new("kill").arg(daemon.id().to_string()).status();
            let start = Instant::now();
            while matches!(daemon.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(100));
            }
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

#[needs(slurm)]
#[test]
fn an_array_of_jobs_is_one_run() {
    let folder = Folder::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/slurm/druse-array.sh");
    let mut cluster = Cluster::start(&folder.path().join("cluster"));
    let sample =
        ["--formula", "NaCl", "--space-group", "225", "--count", "3", "--sampler", "few-step", "--evaluations", "4"];
    let submit = |cluster: &Cluster, shards: &str| {
        let mut command = cluster.command("bash");
        command.arg(&script).args([shards, "chain"]).args(sample).current_dir(folder.path());
        command.env("DRUSE", env!("CARGO_BIN_EXE_druse")).env("DRUSE_RELAX", "--steps 2");
        command.output().expect("a shell")
    };
    let refused = submit(&cluster, "0");
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("'0' is not a number"));
    let output = submit(&cluster, "2");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("jobs: sample 1, merge"), "{said}");
    let queue = |cluster: &Cluster| {
        let output = cluster.command("squeue").args(["--noheader", "--format=%i %T"]).output().expect("squeue");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    cluster.wait("the end of the jobs", |cluster| queue(cluster) == (true, String::new()));
    let logs = folder.contents("chain/logs");
    let logs: String =
        logs.into_iter().map(|(name, text)| format!("{name}: {}", String::from_utf8_lossy(&text))).collect();

    folder.druse(&[&["sample", "--out", "grown"], &sample[..]].concat()).status(0);
    let names = |below: &str| -> Vec<(String, Vec<u8>)> {
        let files = folder.contents(below).into_iter().filter(|(name, _)| name.ends_with(".cif"));
        files.map(|(name, bytes)| (name.replacen(&format!("{below}/"), "", 1), bytes)).collect()
    };
    assert_eq!(names("grown").len(), 3);
    assert!(names("chain/grown") == names("grown"), "{logs}\n{}", cluster.logs());
    folder.druse(&["relax", "grown", "--steps", "2", "--out", "relaxed"]).status(0);
    assert!(names("chain/relaxed") == names("relaxed"), "{logs}");
    let table = |name: &str, out: &str| {
        let text = String::from_utf8(folder.read(name)).expect("text");
        text.replace(&format!("\"{out}/"), "\"")
    };
    let out = folder.path().canonicalize().expect("a folder").join("chain/relaxed").display().to_string();
    assert_eq!(table("chain/relaxed/relax.csv", &out), table("relaxed/relax.csv", "relaxed"));
    let again = submit(&cluster, "2");
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("choose an empty folder"));
}
