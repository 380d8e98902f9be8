//! Admission: who is let in when too many want to be in at once. The one rule for connections over HTTP, over SSH, and for
//! Git conversations.
//!
//! 1. There is room for a number of entries, of which one client may have half. A client is an address (an IPv6 network
//!    of 64 bits, or all of loopback), or a user where it is known who asks.
//! 2. An entry *works* while the server has something to do for it, and *waits* while the client has to do something:
//!    finish its request's head or body, read its answer, send the next request.
//! 3. Where there is no room for a newcomer, the entry that has waited longest is closed, if that is longer than a moment
//!    in which honest clients do what is theirs: one of the same client when its half is full, else anybody's.
//! 4. When nobody can be closed, newcomers queue, each client's in the order of their coming, for a bounded time.
//!
//! Therefore silence costs those who are silent, and work of one client leaves half of the room to the others.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::limits::{ADMISSION_POLL, QUEUED_PER_ENTRY};

/// The group whose entries are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    User(Uuid),
    Address(IpAddr),
}

impl Client {
    /// The client, as far as it is known.
    pub(crate) fn of(user: Option<Uuid>, address: IpAddr) -> Self {
        user.map_or_else(|| Self::at(address), Self::User)
    }

    /// Whoever connects from there.
    pub(crate) fn at(address: IpAddr) -> Self {
        let network = match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
            }
            IpAddr::V4(address) if !address.is_loopback() => address.into(),
            IpAddr::V4(_) | IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
        };
        Self::Address(network)
    }
}

/// The numbers of entries at once, and the times that entries and newcomers may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Entries at once.
    pub(crate) entries: usize,
    /// The time that an entry may wait before a newcomer may take its place.
    pub(crate) grace: Duration,
    /// The time that a newcomer queues.
    pub(crate) queue: Duration,
}

/// The entries of one room.
#[derive(Debug)]
pub(crate) struct Admission {
    room: Room,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    next: u64,
    inside: BTreeMap<u64, Arc<Member>>,
    queue: BTreeMap<u64, Newcomer>,
}

/// One that queues, and hears here that it is in.
#[derive(Debug)]
struct Newcomer {
    client: Client,
    letting_in: oneshot::Sender<Arc<Member>>,
}

#[derive(Debug)]
struct Member {
    client: Client,
    standing: Mutex<Standing>,
    closed: CancellationToken,
}

/// The state of an entry.
#[derive(Clone, Copy, Debug)]
struct Standing {
    /// Pieces of work that don't wait for the client.
    working: usize,
    /// The end of the last of them.
    idle: Instant,
    /// Since when the body of a request is awaited.
    reading: Option<Instant>,
    /// Since when an answer is not taken.
    writing: Option<Instant>,
}

impl Standing {
    fn waits_since(&self) -> Option<Instant> {
        let idle = (self.working == 0).then_some(self.idle);
        [idle, self.reading, self.writing].into_iter().flatten().min()
    }
}

impl Member {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().expect("no thread panics while it holds the lock")
    }
}

impl Admission {
    pub(crate) fn new(room: Room) -> Arc<Self> {
        let room = Room { entries: room.entries.max(2), ..room };
        Arc::new(Self { room, all: Mutex::default() })
    }

    /// Lets a client in, if need be after a while; `None` if there was no room for as long as one queues.
    pub(crate) async fn enter(self: &Arc<Self>, client: Client) -> Option<Entry> {
        let (letting_in, let_in) = oneshot::channel();
        let mut queued = {
            let mut all = self.all();
            let own = all.queue.values().filter(|newcomer| newcomer.client == client).count();
            if own >= self.room.entries * QUEUED_PER_ENTRY {
                return None;
            }
            let id = all.next;
            all.next += 1;
            all.queue.insert(id, Newcomer { client, letting_in });
            self.advance(&mut all);
            Queued { admission: self, id, let_in, is_in: false }
        };
        let member = timeout(self.room.queue, queued.let_in()).await.ok()?;
        queued.is_in = true;
        Some(Entry { admission: self.clone(), id: queued.id, member })
    }

    /// Closes the entry that waits longest, because something other than entries is scarce.
    pub(crate) fn make_room(&self) {
        let mut all = self.all();
        close_longest(&mut all, |_| true, self.room.grace);
    }

    /// Lets in whoever there is room for, in the order of their coming.
    fn advance(&self, all: &mut All) {
        let mut blocked: Vec<Client> = Vec::new();
        let queue: Vec<(u64, Client)> = all.queue.iter().map(|(id, one)| (*id, one.client)).collect();
        for (id, client) in queue {
            if blocked.contains(&client) {
                continue;
            }
            if !self.has_room(all, client) {
                blocked.push(client);
                continue;
            }
            let Some(newcomer) = all.queue.remove(&id) else { continue };
            let standing = Standing { working: 0, idle: Instant::now(), reading: None, writing: None };
            let member =
                Arc::new(Member { client, standing: Mutex::new(standing), closed: CancellationToken::new() });
            if newcomer.letting_in.send(member.clone()).is_ok() {
                all.inside.insert(id, member);
            }
        }
    }

    /// Returns whether there is room for the client, if need be after it was made.
    fn has_room(&self, all: &mut All, client: Client) -> bool {
        let own = all.inside.values().filter(|member| member.client == client).count();
        if own >= self.room.entries / 2 {
            close_longest(all, |member| member.client == client, self.room.grace)
        } else if all.inside.len() >= self.room.entries {
            close_longest(all, |_| true, self.room.grace)
        } else {
            true
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().expect("no thread panics while it holds the lock")
    }
}

/// Closes the one of those that has waited longest, if that is longer than `grace`; false if there is none.
fn close_longest(all: &mut All, of: impl Fn(&Member) -> bool, grace: Duration) -> bool {
    let waits = |(id, member): (&u64, &Arc<Member>)| Some((member.standing().waits_since()?, *id));
    let longest = all.inside.iter().filter(|(_, member)| of(member)).filter_map(waits).min();
    let Some((_, id)) = longest.filter(|(since, _)| since.elapsed() >= grace) else { return false };
    if let Some(member) = all.inside.remove(&id) {
        tracing::debug!(client = ?member.client, "closed, because others want its place");
        member.closed.cancel();
    }
    true
}

/// A place in the queue.
struct Queued<'a> {
    admission: &'a Admission,
    id: u64,
    let_in: oneshot::Receiver<Arc<Member>>,
    /// True once the newcomer is an [`Entry`].
    is_in: bool,
}

impl Queued<'_> {
    /// Waits to be let in. The first of the queue looks now and then whether somebody has waited long enough by now.
    async fn let_in(&mut self) -> Arc<Member> {
        loop {
            tokio::select! {
                Ok(member) = &mut self.let_in => return member,
                () = sleep(ADMISSION_POLL) => {
                    let mut all = self.admission.all();
                    if all.queue.first_key_value().is_some_and(|(first, _)| *first == self.id) {
                        self.admission.advance(&mut all);
                    }
                }
            }
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if !self.is_in {
            let mut all = self.admission.all();
            all.queue.remove(&self.id);
            all.inside.remove(&self.id);
        }
    }
}

/// One that is in. It begins by waiting; it leaves when it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    admission: Arc<Admission>,
    id: u64,
    member: Arc<Member>,
}

impl Entry {
    /// Cancelled when the entry has to end, because others want its place.
    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.member.closed
    }

    /// Something is done for the client for as long as this is kept.
    pub(crate) fn work(&self) -> Work {
        self.member.standing().working += 1;
        Work { member: self.member.clone(), is_paused: false }
    }

    /// Says since when the body of a request is awaited; `None` when it isn't.
    pub(crate) fn awaits_body(&self, since: Option<Instant>) {
        self.member.standing().reading = since;
    }

    /// Says since when an answer is not taken; `None` when it is.
    pub(crate) fn is_not_read(&self, since: Option<Instant>) {
        self.member.standing().writing = since;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut all = self.admission.all();
        all.inside.remove(&self.id);
        self.admission.advance(&mut all);
    }
}

/// Kept while something is done for the client of an entry.
#[derive(Debug)]
pub(crate) struct Work {
    member: Arc<Member>,
    is_paused: bool,
}

impl Work {
    /// The client has to do something before the work goes on.
    pub(crate) fn pause(&mut self) {
        if !std::mem::replace(&mut self.is_paused, true) {
            let mut standing = self.member.standing();
            standing.working -= 1;
            standing.idle = Instant::now();
        }
    }

    /// The client has done so.
    pub(crate) fn resume(&mut self) {
        if std::mem::replace(&mut self.is_paused, false) {
            self.member.standing().working += 1;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.pause();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(30);
    const GRACE: Duration = Duration::from_mins(1);

    fn admission(entries: usize, grace: Duration) -> Arc<Admission> {
        Admission::new(Room { entries, grace, queue: MOMENT })
    }

    fn client(n: u8) -> Client {
        Client::at(IpAddr::from([10, 0, 0, n]))
    }

    #[tokio::test]
    async fn one_client_has_half_and_the_others_have_the_rest() {
        let admission = admission(4, GRACE);
        let mut held = Vec::new();
        for n in [1, 1, 2, 3] {
            held.push(admission.enter(client(n)).await.expect("there is room"));
        }
        assert!(admission.enter(client(1)).await.is_none(), "its half is full");
        assert!(admission.enter(client(4)).await.is_none(), "all is full");
        held.truncate(2);
        assert!(admission.enter(client(1)).await.is_none(), "its half is full still");
        assert!(admission.enter(client(4)).await.is_some());
        drop(held);
        assert!(admission.enter(client(1)).await.is_some());
    }

    #[tokio::test]
    async fn who_waits_longest_makes_room_and_who_works_stays() {
        let admission = admission(8, Duration::ZERO);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(admission.enter(client(1)).await.expect("there is room"));
            sleep(Duration::from_millis(2)).await;
        }
        let mut works = held[0].work();
        held[1].is_not_read(None);
        let closed = |held: &[Entry]| -> Vec<usize> {
            (0..held.len()).filter(|&n| held[n].closed().is_cancelled()).collect()
        };
        held.push(admission.enter(client(1)).await.expect("one makes room"));
        assert_eq!(closed(&held), [1], "the oldest that waits");
        works.pause();
        held.push(admission.enter(client(1)).await.expect("one makes room"));
        assert_eq!(closed(&held), [1, 2], "0 has only begun to wait");
        let _all_work: Vec<Work> = held.iter().map(Entry::work).collect();
        assert!(admission.enter(client(1)).await.is_none(), "who works is not closed");
        held[0].awaits_body(Some(Instant::now()));
        held.push(admission.enter(client(1)).await.expect("one makes room"));
        assert_eq!(closed(&held), [0, 1, 2], "a body that is awaited is waiting too");
        let _works = held[held.len() - 1].work();
        held[3].is_not_read(Some(Instant::now()));
        held.push(admission.enter(client(1)).await.expect("one makes room"));
        assert_eq!(closed(&held), [0, 1, 2, 3], "and so is an answer that is not read");
    }

    #[tokio::test]
    async fn a_moment_of_waiting_is_everybodys() {
        let admission = admission(2, GRACE);
        let first = admission.enter(client(1)).await.expect("there is room");
        assert!(admission.enter(client(1)).await.is_none());
        assert!(!first.closed().is_cancelled());
    }

    #[test]
    fn a_client_is_a_network_of_one_owner() {
        let at = |text: &str| Client::at(text.parse().expect("an address"));
        for (one, other, same) in [
            ("127.0.0.1", "127.9.9.9", true),
            ("127.0.0.1", "::1", true),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            assert_eq!(at(one) == at(other), same, "{one} {other}");
        }
    }
}
