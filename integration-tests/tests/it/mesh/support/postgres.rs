use std::{
    fs::{self, File},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Stdio,
};

use chappe_store::{Db, RowExt as _, Sql};
use chappe_testkit::TestDb;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Signal, free_port, process::send, until};

/// A PostgreSQL that belongs to nobody else: made by the programs of the server that the tests have, and run by the user
/// who runs that one. What it has committed survives its crash, not that of the machine.
pub(crate) struct Postgres {
    programs: PathBuf,
    /// User and group.
    user: (u32, u32),
    directory: TempDir,
    port: u16,
    server: Child,
}

impl Postgres {
    /// Absent where there is no PostgreSQL.
    pub(crate) async fn start() -> Option<Self> {
        let (programs, data) = origin(TestDb::postgres("origin").await?.db()).await;
        let owner = fs::metadata(data).expect("the PostgreSQL of the tests runs on this machine");
        let user = (owner.uid(), owner.gid());
        let directory = TempDir::new().unwrap();
        chown(directory.path(), Some(user.0), Some(user.1)).unwrap();
        let data = directory.path().join("data");
        let mut initdb = program(&programs, "initdb", user);
        initdb.arg("--pgdata").arg(&data);
        initdb.args(["--username", "postgres", "--auth", "trust", "--encoding", "UTF8"]);
        initdb.args(["--locale", "C", "--no-sync"]);
        let made = initdb.output().await.unwrap();
        assert!(made.status.success(), "{made:?}");
        let port = free_port();
        let server = serve(&programs, user, directory.path(), port);
        let postgres = Self {
            programs,
            user,
            directory,
            port,
            server,
        };
        postgres.answers().await;
        Some(postgres)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops without a goodbye to anybody and without a checkpoint, as `pg_ctl stop -m immediate` does.
    pub(crate) async fn crash(&mut self) {
        send("-QUIT", &[self.server.id().unwrap()]).await;
        self.server.wait().await.unwrap();
    }

    /// Starts after a crash; when this returns, it has recovered.
    pub(crate) async fn recover(&mut self) {
        self.server = serve(&self.programs, self.user, self.directory.path(), self.port);
        self.answers().await;
    }

    /// The server and all its children stand still.
    pub(crate) async fn stand_still(&self) -> Standstill {
        let server = self.server.id().unwrap();
        let stop = Signal::Stop.option();
        // First the one that makes more of them.
        send(stop, &[server]).await;
        send(stop, &children(server)).await;
        Standstill { server }
    }

    async fn answers(&self) {
        let url = self.url();
        let answer = async || match Db::connect(&url, "public", 1).await {
            Ok(db) => db.now().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        until("PostgreSQL answers", answer, Result::is_ok).await.unwrap();
    }
}

/// A server that stands still.
pub(crate) struct Standstill {
    server: u32,
}

impl Standstill {
    pub(crate) async fn end(self) {
        let go = Signal::Continue.option();
        send(go, &children(self.server)).await;
        send(go, &[self.server]).await;
    }
}

impl Drop for Postgres {
    /// Waits for its end: afterwards the directory goes.
    fn drop(&mut self) {
        let mut stop = std::process::Command::new(self.programs.join("pg_ctl"));
        stop.uid(self.user.0).gid(self.user.1).current_dir("/");
        stop.args(["stop", "--silent", "--mode", "immediate", "--pgdata"]);
        stop.arg(self.directory.path().join("data"));
        // One that has crashed is not there to be stopped.
        drop(stop.stderr(Stdio::null()).status());
    }
}

/// Where the programs of a server are, and its data.
async fn origin(db: &Db) -> (PathBuf, PathBuf) {
    let origin = Sql::new(
        "select setting as programs, current_setting('data_directory') as data from pg_config() where name = 'BINDIR'",
    );
    let row = origin.one(db.read()).await.unwrap().unwrap();
    let path = |column: &str| PathBuf::from(row.get::<String>(column).unwrap());
    (path("programs"), path("data"))
}

fn program(programs: &Path, name: &str, (user, group): (u32, u32)) -> Command {
    let mut command = Command::new(programs.join(name));
    command.uid(user).gid(group).current_dir("/").env_clear();
    command.stdin(Stdio::null());
    command
}

fn serve(programs: &Path, user: (u32, u32), directory: &Path, port: u16) -> Child {
    let log = directory.join("log");
    let log = File::options().create(true).append(true).open(log).unwrap();
    let mut command = program(programs, "postgres", user);
    command.arg("-D").arg(directory.join("data"));
    command.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    command.args(["-c", "unix_socket_directories=", "-c", "max_connections=100"]);
    command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// From `/proc`: the fourth field of its `stat` is the parent, the second is a name in parentheses.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let parent = parent.to_string();
    let is_child = |stat: &str| {
        let fields = stat.rsplit(')').next().unwrap();
        fields.split_whitespace().nth(1) == Some(parent.as_str())
    };
    processes
        .filter(|process| fs::read_to_string(process.path().join("stat")).is_ok_and(|stat| is_child(&stat)))
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect()
}
