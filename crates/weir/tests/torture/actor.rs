//! One client of the random test: it asks for things that carry its own tag, and checks that every
//! answer does.

use std::time::Duration;

use crate::chance::Chance;
use crate::client::{Answer, Client};
use crate::frames::{bind, close, describe, execute, frame, parse, query, sync};

/// The connection ended: a server was killed, or the actor left by itself.
#[derive(Debug)]
pub(crate) struct Ended;

/// What an operation comes to.
type Outcome = Result<(), Ended>;

/// Codes of a connection that ends because its server did.
const SERVER_GONE: [&str; 4] = ["57P01", "57P02", "08006", ""];

/// A client with a tag.
#[derive(Debug)]
pub(crate) struct Actor<'a> {
    port: u16,
    database: &'a str,
    tag: String,
    sequence: u64,
    chance: Chance,
    client: Client,
    /// Its named statement is prepared.
    prepared: bool,
    /// What it has set `weir.tag` to.
    setting: String,
    /// Times its connection was ended by others.
    pub(crate) ends: usize,
    /// Operations done.
    pub(crate) done: usize,
}

impl<'a> Actor<'a> {
    /// A client with number `n` that has logged in.
    pub(crate) fn new(port: u16, database: &'a str, n: usize, seed: u64) -> Self {
        Self {
            port,
            database,
            tag: format!("c{n}"),
            sequence: 0,
            chance: Chance::new(seed.wrapping_add(n as u64)),
            client: Client::open(port, database),
            prepared: false,
            setting: String::new(),
            ends: 0,
            done: 0,
        }
    }

    /// Does one thing; connects again when its connection has ended.
    pub(crate) fn act(&mut self) {
        self.sequence += 1;
        let outcome = match self.chance.below(14) {
            0 => self.simple(),
            1 => self.many_rows(),
            2 => self.unnamed(),
            3 => self.named(),
            4 => self.pipeline(),
            5 => self.broken_pipeline(),
            6 => self.copy_in(),
            7 => self.copy_out(),
            8 => self.set(),
            9 => self.remember(),
            10 => self.error(),
            11 => self.transaction(),
            12 => self.cancelled(),
            _ => return self.vanish(),
        };
        self.done += 1;
        if outcome.is_err() {
            self.ends += 1;
            self.come_back();
        }
    }

    fn come_back(&mut self) {
        self.client = Client::open(self.port, self.database);
        self.prepared = false;
        self.setting.clear();
    }

    /// What every answer to the request under way begins with.
    fn mark(&self) -> String {
        format!("{}:{}", self.tag, self.sequence)
    }

    /// Sends a request and reads one answer, which must be this client's.
    fn ask(&mut self, bytes: &[u8]) -> Result<Answer, Ended> {
        self.client.send(bytes);
        if self.chance.once_in(20) {
            std::thread::sleep(Duration::from_millis(30));
        }
        self.hear()
    }

    fn hear(&mut self) -> Result<Answer, Ended> {
        let answer = self.client.answer();
        let mark = self.mark();
        for row in &answer.rows {
            assert!(row[0].starts_with(&mark), "{mark} was told {:?}", row[0]);
        }
        if answer.status.is_some() {
            return Ok(answer);
        }
        assert!(SERVER_GONE.contains(&answer.last_code()), "{mark} was ended: {answer:?}");
        Err(Ended)
    }

    /// Asks for exactly one row with the mark.
    fn expect_mark(&mut self, bytes: &[u8], status: u8) -> Outcome {
        let answer = self.ask(bytes)?;
        assert_eq!(answer.value(), self.mark());
        assert_eq!(answer.status, Some(status));
        Ok(())
    }

    fn simple(&mut self) -> Outcome {
        let text = query(&format!("SELECT '{}'", self.mark()));
        self.expect_mark(&text, b'I')
    }

    fn many_rows(&mut self) -> Outcome {
        let (rows, width) = match self.chance.below(8) {
            0 => (3000, 900),
            1 => (3, 300_000),
            _ => (self.chance.below(200), self.chance.below(300)),
        };
        let mark = self.mark();
        let sql = format!(
            "SELECT '{mark}:' || n, repeat('{}', {width}) FROM generate_series(1, {rows}) n",
            self.tag
        );
        let answer = self.ask(&query(&sql))?;
        assert_eq!((answer.rows.len(), answer.code()), (rows, ""));
        for (n, row) in (1..).zip(&answer.rows) {
            assert_eq!(row[0], format!("{mark}:{n}"));
            assert_eq!(row[1], self.tag.repeat(width));
        }
        Ok(())
    }

    fn unnamed(&mut self) -> Outcome {
        let mark = self.mark();
        let batch = [parse("", "SELECT $1::text"), bind("", &[&mark]), describe(), execute()];
        self.expect_mark(&[batch.concat(), sync()].concat(), b'I')
    }

    /// All clients call their statement `s`; each has a text of its own.
    fn named(&mut self) -> Outcome {
        let mut bytes = Vec::new();
        if !self.prepared {
            let text = format!("SELECT '{}:' || $1::text", self.tag);
            bytes.extend(parse("s", &text));
        }
        bytes.extend([bind("s", &[&self.sequence.to_string()]), execute(), sync()].concat());
        self.prepared = true;
        self.expect_mark(&bytes, b'I')?;
        if self.chance.once_in(4) {
            self.prepared = false;
            let answer = self.ask(&[close("s"), sync()].concat())?;
            assert_eq!((answer.code(), answer.status), ("", Some(b'I')));
        }
        Ok(())
    }

    fn pipeline(&mut self) -> Outcome {
        let mark = self.mark();
        let count = self.chance.below(20) + 1;
        let mut bytes = Vec::new();
        for n in 0..count {
            bytes.extend(parse("", &format!("SELECT '{mark}:{n}', $1::text")));
            bytes.extend([bind("", &[&self.tag]), execute(), sync()].concat());
        }
        self.client.send(&bytes);
        for n in 0..count {
            let answer = self.hear()?;
            assert_eq!(answer.value(), format!("{mark}:{n}"));
            assert_eq!(answer.rows[0][1], self.tag);
        }
        Ok(())
    }

    /// The second of three statements fails: the third is skipped, the next batch is not.
    fn broken_pipeline(&mut self) -> Outcome {
        let mark = self.mark();
        let one = |sql: &str| [parse("", sql), bind("", &[]), execute()].concat();
        let select = one(&format!("SELECT '{mark}'"));
        let bad = one(&format!("SELECT '{mark}'::int"));
        let first = [select.clone(), bad, select.clone(), sync()].concat();
        self.client.send(&[first, select, sync()].concat());
        let answer = self.hear()?;
        assert_eq!((answer.rows.len(), answer.code()), (1, "22P02"));
        let next = self.hear()?;
        assert_eq!(next.value(), mark);
        Ok(())
    }

    fn copy_in(&mut self) -> Outcome {
        let (mark, rows) = (self.mark(), self.chance.below(2000) + 1);
        let mut bytes = query(&format!("BEGIN; DELETE FROM moved WHERE tag = '{}'", self.tag));
        bytes.extend(query("COPY moved FROM STDIN"));
        for n in 0..rows {
            bytes.extend(frame(b'd', format!("{}\t{mark}\t{n}\n", self.tag).as_bytes()));
        }
        bytes.extend(frame(b'c', b""));
        bytes.extend(query("COMMIT"));
        self.client.send(&bytes);
        assert_eq!(self.hear()?.status, Some(b'T'));
        assert_eq!(self.hear()?.tags, [format!("COPY {rows}")]);
        assert_eq!(self.hear()?.status, Some(b'I'));
        let sql = format!(
            "SELECT mark || ':' || count(*) FROM moved WHERE tag = '{}' GROUP BY mark",
            self.tag
        );
        let answer = self.ask(&query(&sql))?;
        assert_eq!(answer.value(), format!("{mark}:{rows}"));
        Ok(())
    }

    fn copy_out(&mut self) -> Outcome {
        let (mark, rows) = (self.mark(), self.chance.below(5000));
        let sql =
            format!("COPY (SELECT '{mark}:' || n FROM generate_series(1, {rows}) n) TO STDOUT");
        let answer = self.ask(&query(&sql))?;
        let expected: String = (1..=rows).map(|n| format!("{mark}:{n}\n")).collect();
        assert!(answer.copied == expected.as_bytes(), "{mark}: COPY data of somebody else");
        Ok(())
    }

    fn set(&mut self) -> Outcome {
        let mark = self.mark();
        let answer = self.ask(&query(&format!("SET weir.tag = '{mark}'")))?;
        assert_eq!((answer.code(), answer.status), ("", Some(b'I')));
        self.setting = mark;
        Ok(())
    }

    fn remember(&mut self) -> Outcome {
        let mark = self.mark();
        let sql = format!("SELECT '{mark}', coalesce(current_setting('weir.tag', true), '')");
        let answer = self.ask(&query(&sql))?;
        assert_eq!(answer.rows[0][1], self.setting, "{mark}");
        Ok(())
    }

    fn error(&mut self) -> Outcome {
        let mark = self.mark();
        let answer = self.ask(&query(&format!("SELECT '{mark}'::int")))?;
        let error = answer.error.unwrap();
        assert_eq!(error.code, "22P02");
        assert!(error.message.contains(&mark), "{mark} was told {error}");
        Ok(())
    }

    fn transaction(&mut self) -> Outcome {
        let mark = self.mark();
        let begun = self.ask(&query("BEGIN"))?;
        assert_eq!(begun.status, Some(b'T'));
        let select = query(&format!("SELECT '{mark}'"));
        self.expect_mark(&select, b'T')?;
        self.ask(&query("SAVEPOINT one"))?;
        let failed = self.ask(&query(&format!("SET LOCAL weir.tag = '{mark}'; SELECT 1 / 0")))?;
        assert_eq!((failed.code(), failed.status), ("22012", Some(b'E')));
        self.ask(&query("ROLLBACK TO one"))?;
        self.expect_mark(&select, b'T')?;
        let end = if self.chance.once_in(2) { "COMMIT" } else { "ROLLBACK" };
        let ended = self.ask(&query(end))?;
        assert_eq!((ended.tags, ended.status), (vec![end.to_owned()], Some(b'I')));
        Ok(())
    }

    /// Cancels its own statement. Every other statement here fails when it is cancelled, so a
    /// cancel that hits another client's shows.
    fn cancelled(&mut self) -> Outcome {
        let mark = self.mark();
        self.client.send(&query(&format!("SELECT '{mark}' FROM pg_sleep(0.2)")));
        std::thread::sleep(Duration::from_millis(self.chance.next() % 20));
        if self.chance.once_in(2) {
            self.client.cancel();
        } else {
            self.client.send_cancel();
        }
        let answer = self.hear()?;
        match answer.code() {
            "57014" => assert!(answer.rows.is_empty()),
            _ => assert_eq!(answer.value(), mark),
        }
        // One that was not awaited may still be on its way, to this client alone.
        self.come_back();
        Ok(())
    }

    /// Leaves at a random byte of what it has to say.
    fn vanish(&mut self) {
        let mark = self.mark();
        let request = [
            query("BEGIN"),
            query(&format!("SELECT '{mark}', repeat('x', 200000)")),
            parse("s", "SELECT $1::text"),
            bind("s", &[&mark]),
            execute(),
            sync(),
            query("COPY moved FROM STDIN"),
            frame(b'd', format!("{}\t{mark}\t0\n", self.tag).as_bytes()),
            frame(b'c', b""),
        ]
        .concat();
        let cut = self.chance.below(request.len());
        self.client.send(&request[..cut]);
        if self.chance.once_in(2) {
            std::thread::sleep(Duration::from_millis(self.chance.next() % 10));
        }
        self.come_back();
    }
}
