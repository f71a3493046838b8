//! Reading: whatever comes into the stream comes into the list.

use super::{
    Inner,
    entry::{self, Known},
    milliseconds, retries,
    share::{AT_ONCE, ask, gone},
};
use crate::{StoreError, connection::Line};
use redis::{ErrorKind, ServerErrorKind, Value, from_redis_value};
use sealkit::{
    Clock as _, UnixMillis,
    revocation::{DenyEntry, WeakDenyList},
};
use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Before every entry.
const START: &str = "0-0";

/// Entries that are read at once.
const PAGE: usize = 512;

/// How long the server holds an answer back for something to come.
const BLOCK: Duration = Duration::from_secs(2);

/// What an answer may take, that time included.
const PATIENCE: Duration = Duration::from_secs(4);

/// How often it is made sure that the stream is still the one that was read.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// An id of the stream that lies so far ahead of the server's clock was not given by the server.
const FAR_AHEAD: Duration = Duration::from_secs(24 * 3600);

/// Follows the stream until nobody holds the list any more.
pub(super) async fn follow(inner: Arc<Inner>, list: WeakDenyList) {
    let Some(mut changes) = list.upgrade().map(|list| list.changes()) else { return };
    let mut follower = Follower::new(inner, list);
    tokio::select! {
        () = follower.run() => {}
        () = gone(&mut changes) => {}
    }
}

struct Follower {
    inner: Arc<Inner>,
    list: WeakDenyList,
    /// The last entry that was read.
    cursor: String,
    /// An entry that was there at the last check. If it is not any more, whatever came before it may have gone with it.
    anchor: Option<String>,
    /// All of it has been read once.
    loaded: bool,
    checked: Instant,
    /// This connection was good for something.
    served: bool,
    /// It has been said that nothing can be put back.
    warned: bool,
}

impl Follower {
    fn new(inner: Arc<Inner>, list: WeakDenyList) -> Self {
        let (cursor, checked) = (START.to_owned(), Instant::now());
        Self { inner, list, cursor, anchor: None, loaded: false, checked, served: false, warned: false }
    }

    async fn run(&mut self) {
        let mut waits = retries();
        let mut well = true;
        loop {
            let Err(error) = self.connected().await;
            if std::mem::replace(&mut self.served, false) {
                waits.reset();
                well = true;
            }
            if std::mem::replace(&mut well, false) {
                tracing::warn!(%error, "the shared deny list cannot be followed now; what is known stays denied");
            }
            sleep(waits.next()).await;
        }
    }

    /// Follows on one connection, until it breaks.
    async fn connected(&mut self) -> Result<Infallible, StoreError> {
        let connection = self.inner.connection.own(PATIENCE).await?;
        loop {
            self.check(&connection).await?;
            while self.checked.elapsed() < CHECK_EVERY {
                self.page(&connection, Some(BLOCK), None).await?;
                self.inner.is_complete();
            }
        }
    }

    /// Makes sure that the stream is the one that was read. If it is not (flushed, restarted, failed over), it is read again.
    async fn check(&mut self, connection: &Line) -> Result<(), StoreError> {
        let lacking = self.inner.lacking.swap(false, Ordering::Relaxed);
        let checked = self.read_again_if(lacking, connection).await;
        if checked.is_err() && lacking {
            self.inner.lacking.store(true, Ordering::Relaxed);
        }
        checked?;
        if self.is_far_ahead(connection).await? {
            tracing::warn!(stream = %self.inner.stream, "the shared deny list has an entry dated more than a day ahead; the stream is deleted and rewritten; check who can write to the store");
            let mut delete = redis::cmd("DEL");
            delete.arg(&self.inner.stream);
            ask::<()>(connection, delete).await?;
            self.read_again_if(true, connection).await?;
        }
        self.anchor = (self.cursor != START).then(|| self.cursor.clone());
        self.checked = Instant::now();
        self.served = true;
        self.inner.is_complete();
        Ok(())
    }

    async fn read_again_if(&mut self, lacking: bool, connection: &Line) -> Result<(), StoreError> {
        let whole = match &self.anchor {
            Some(id) => self.holds(connection, id).await? || self.was_trimmed(connection, id).await?,
            None => self.loaded,
        };
        if whole && !lacking {
            return Ok(());
        }
        if !whole && self.loaded {
            tracing::warn!(stream = %self.inner.stream, "the server lost entries of the shared deny list; they are put back");
        }
        // Until all of it is read, every check comes here again.
        (self.loaded, self.anchor, self.cursor) = (false, None, START.to_owned());
        let slack = self.list.upgrade().map(|list| list.settings().renewal_slack()).unwrap_or_default();
        let mut known = Known::with_slack(slack);
        while self.page(connection, None, Some(&mut known)).await? > 0 {}
        self.inner.is_complete();
        self.loaded = true;
        // The list knows what waits; so what of it the stream lacks is put back, and the rest need not be written.
        let waiting = self.inner.queue.take(usize::MAX);
        let put_back = self.put_back(connection, known).await;
        match &put_back {
            Ok(()) => self.inner.queue.settle(waiting),
            Err(_) => self.inner.queue.put_back(waiting),
        }
        self.inner.loaded.send_replace(true);
        match &put_back {
            Err(error) => {
                self.inner.lacking.store(true, Ordering::Relaxed);
                if !std::mem::replace(&mut self.warned, true) {
                    tracing::warn!(%error, "what the shared deny list lacks cannot be put back now; it will be");
                }
            }
            Ok(()) => self.warned = false,
        }
        match put_back {
            // It takes no more entries, out of memory for one: what others wrote is followed all the same.
            Err(StoreError::Refused(kind)) if kind != ErrorKind::Server(ServerErrorKind::ReadOnly) => Ok(()),
            other => other,
        }
    }

    /// True if the newest entry has an id behind which the server cannot go on. Its clock decides; ours only says when to ask.
    async fn is_far_ahead(&self, connection: &Line) -> Result<bool, StoreError> {
        let far = |now: UnixMillis, id: u64| id > now.saturating_add(FAR_AHEAD).as_millis();
        if !milliseconds(&self.cursor).is_some_and(|id| far(self.inner.clock.now(), id)) {
            return Ok(false);
        }
        let (seconds, _): (u64, u64) = ask(connection, redis::cmd("TIME")).await?;
        let newest = self.newest(connection).await?;
        Ok(newest.is_some_and(|id| far(UnixMillis::from_secs(seconds), id)))
    }

    /// The id of the newest entry, in the server's milliseconds.
    async fn newest(&self, connection: &Line) -> Result<Option<u64>, StoreError> {
        let mut newest = redis::cmd("XREVRANGE");
        newest.arg(&self.inner.stream).arg("+").arg("-").arg("COUNT").arg(1);
        let newest: Vec<(String, Value)> = ask(connection, newest).await?;
        Ok(newest.first().and_then(|(id, _)| milliseconds(id)))
    }

    /// An entry that has been in the stream for longer than any lives is taken out of it by whoever writes the next.
    async fn was_trimmed(&self, connection: &Line, id: &str) -> Result<bool, StoreError> {
        let newest = self.newest(connection).await?;
        Ok(newest.zip(milliseconds(id)).is_some_and(|(newest, id)| id < self.inner.trimmed_before(newest)))
    }

    async fn holds(&self, connection: &Line, id: &str) -> Result<bool, StoreError> {
        let mut range = redis::cmd("XRANGE");
        range.arg(&self.inner.stream).arg(id).arg(id);
        let found: Vec<Value> = ask(connection, range).await?;
        Ok(!found.is_empty())
    }

    /// Adds what the list has and the stream lacks. Other replicas do the same, each in an order of its own; what they were
    /// faster with is left out.
    async fn put_back(&mut self, connection: &Line, mut known: Known) -> Result<(), StoreError> {
        let mut entries = self.list.upgrade().map(|list| list.entries()).unwrap_or_default().into_iter();
        loop {
            let missing: Vec<DenyEntry> =
                entries.by_ref().filter(|entry| !known.covers(entry)).take(AT_ONCE).collect();
            if missing.is_empty() {
                return Ok(());
            }
            self.inner.write(connection, &missing).await?;
            while self.page(connection, None, Some(&mut known)).await? > 0 {}
        }
    }

    /// Reads on from the cursor, and waits for something to come if that is wanted. Gives how many entries there were.
    async fn page(
        &mut self,
        connection: &Line,
        wait: Option<Duration>,
        mut known: Option<&mut Known>,
    ) -> Result<usize, StoreError> {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(PAGE);
        if let Some(wait) = wait {
            read.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        read.arg("STREAMS").arg(&self.inner.stream).arg(&self.cursor);
        let page = entries(ask(connection, read).await?)?;
        let list = self.list.upgrade();
        for (id, fields) in &page {
            let fields: Vec<Vec<u8>> = from_redis_value(fields.clone()).unwrap_or_default();
            let Some(entry) = entry::read(&fields) else {
                self.inner.warn_of_malformed(id);
                continue;
            };
            self.inner.note_life(milliseconds(id).unwrap_or(0), entry.until);
            if let Some(list) = &list {
                list.apply(entry.clone());
                // A stream may hold more than a list does; of that nothing is put back.
                if let Some(known) = known.as_mut().filter(|_| list.knows(&entry.denial)) {
                    known.note(&entry);
                }
            }
        }
        let count = page.len();
        if let Some((id, _)) = page.into_iter().next_back() {
            self.anchor.get_or_insert_with(|| id.clone());
            self.cursor = id;
        }
        Ok(count)
    }
}

/// Ids and fields in the one stream of a reply to `XREAD`: none, a list of streams, or since protocol 3 a map of them.
fn entries(reply: Value) -> Result<Vec<(String, Value)>, StoreError> {
    if reply == Value::Nil {
        return Ok(Vec::new());
    }
    let streams = from_redis_value::<Vec<(String, Vec<(String, Value)>)>>(reply);
    let streams = streams.map_err(|_| StoreError::Refused(ErrorKind::Parse))?;
    Ok(streams.into_iter().next().map(|(_, entries)| entries).unwrap_or_default())
}
