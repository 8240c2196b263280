//! The ring of one thread, and the sockets on it.

use std::{
    cell::RefCell,
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering, fence},
    },
    task::Waker,
};

use io_uring::{IoUring, cqueue};
use nix::sys::socket::{Shutdown, shutdown};
use slab::Slab;

use crate::{
    buffers::{self, Buffers},
    requests::{Of, open, push, request},
    socket::Socket,
};

/// How much memory for sending is kept for the next who needs some.
const SPARE: usize = 64;
/// `IORING_ENTER_GETEVENTS`: do what was put off until we ask for it.
const GETEVENTS: u32 = 1;
/// How often the kernel is asked to let go of everything before its memory is left to it for good.
const PATIENCE: usize = 64;

thread_local! {
    static RING: RefCell<Option<Ring>> = const { RefCell::new(None) };
}

/// Those that were dropped on another thread, or while the ring was in use.
#[derive(Debug, Default)]
pub(crate) struct Orphans(Mutex<(Vec<usize>, Option<Waker>)>);

impl Orphans {
    pub(crate) fn add(&self, key: usize) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.0.push(key);
        let driver = own.1.take();
        drop(own);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn take(&self) -> Vec<usize> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Whether there are any now. Wakes whoever waits when there are later.
    fn wait(&self, driver: &Waker) -> bool {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.1 = Some(driver.clone());
        !own.0.is_empty()
    }
}

pub(crate) struct Ring {
    uring: IoUring,
    buffers: mem::ManuallyDrop<Buffers>,
    sockets: Slab<Socket>,
    /// Those that the kernel is to be asked something of.
    listed: Vec<usize>,
    /// Memory for those that send next.
    spare: Vec<Vec<u8>>,
    /// Memory for what the kernel answers.
    answers: Vec<cqueue::Entry>,
    orphans: Arc<Orphans>,
    /// Tells this ring from those of other threads.
    id: u64,
    /// Whom to wake when there is something to ask, where he doesn't look by himself.
    driver: Option<Waker>,
    /// Nothing can be asked of the kernel any more.
    broken: bool,
}

/// Whether there can be a ring.
pub(crate) fn try_out() -> io::Result<()> {
    let uring = open()?;
    let _buffers = Buffers::new(&uring.submitter())?;
    uring.submitter().unregister_buf_ring(buffers::GROUP)
}

/// Gives this thread a ring, which writes to `told` when it is to be looked at.
pub(crate) fn set_up(told: &impl AsRawFd) -> io::Result<u64> {
    let ring = Ring::new(told)?;
    let id = ring.id;
    RING.with(|own| {
        let mut own = own.borrow_mut();
        if own.is_some() {
            return Err(io::Error::other("this thread has a ring already"));
        }
        *own = Some(ring);
        Ok(id)
    })
}

/// Takes the ring from this thread, if it is this one.
pub(crate) fn take_down(id: u64) {
    let ring = RING.try_with(|own| {
        let mut own = own.try_borrow_mut().ok()?;
        own.take_if(|ring| ring.id == id)
    });
    drop(ring);
}

/// Calls `work` with this thread's ring. Nothing where there is none, or it is in use.
pub(crate) fn with<T>(work: impl FnOnce(&mut Ring) -> T) -> Option<T> {
    RING.try_with(|ring| ring.try_borrow_mut().ok()?.as_mut().map(work))
        .ok()?
}

impl Ring {
    fn new(told: &impl AsRawFd) -> io::Result<Self> {
        static RINGS: AtomicU64 = AtomicU64::new(0);
        let uring = open()?;
        let buffers = Buffers::new(&uring.submitter())?;
        uring.submitter().register_eventfd(told.as_raw_fd())?;
        Ok(Self {
            uring,
            buffers: mem::ManuallyDrop::new(buffers),
            sockets: Slab::new(),
            listed: Vec::new(),
            spare: Vec::new(),
            answers: Vec::new(),
            orphans: Arc::default(),
            id: RINGS.fetch_add(1, Ordering::Relaxed),
            driver: None,
            broken: false,
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn orphans(&self) -> Arc<Orphans> {
        Arc::clone(&self.orphans)
    }

    /// Takes a socket that blocks: the kernel waits for it where it has to.
    pub(crate) fn add(&mut self, fd: Arc<OwnedFd>) -> usize {
        self.sockets.insert(Socket::new(fd))
    }

    pub(crate) fn socket(&mut self, key: usize) -> io::Result<&mut Socket> {
        usable(&mut self.sockets, self.broken, key)
    }

    /// Takes bytes to send: how many there is room for.
    pub(crate) fn write(&mut self, key: usize, bytes: &[u8]) -> io::Result<usize> {
        let socket = usable(&mut self.sockets, self.broken, key)?;
        let count = socket.take(bytes, || self.spare.pop().unwrap_or_default());
        self.list(key);
        Ok(count)
    }

    /// Notes that a socket may have a wish.
    pub(crate) fn list(&mut self, key: usize) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        if !mem::replace(&mut socket.listed, true) {
            self.listed.push(key);
            if let Some(driver) = self.driver.take() {
                driver.wake();
            }
        }
    }

    /// Nobody uses a socket any more.
    pub(crate) fn let_go(&mut self, key: usize) {
        if let Some(socket) = self.sockets.get_mut(key) {
            socket.dropped = true;
            self.list(key);
        }
    }

    /// Asks the kernel for what sockets wish, and takes what it has answered. Whoever is to hear of
    /// that is put into `woken`.
    ///
    /// # Errors
    /// When nothing can be asked any more: all sockets are told so, too.
    pub(crate) fn turn(&mut self, woken: &mut Vec<Waker>) -> io::Result<()> {
        self.driver = None;
        for key in self.orphans.take() {
            self.let_go(key);
        }
        let listed = mem::take(&mut self.listed);
        for key in &listed {
            self.ask(*key);
        }
        // Whoever was listed meanwhile has to ask again, and keeps this memory for the next turn.
        let meanwhile = mem::replace(&mut self.listed, listed);
        self.listed.clear();
        self.listed.extend(meanwhile);
        let entered = self.enter();
        self.answers(woken);
        if self.broken {
            // Perhaps it failed before, and works again: what was lost meanwhile is.
            return entered.and(Err(io::Error::other("io_uring has failed")));
        }
        entered
    }

    /// Whether the kernel has something for us, or we for it.
    pub(crate) fn has_news(&mut self) -> bool {
        // It says so now and then though nothing is left to do, so it is what comes of it that counts.
        if self.uring.submission().taskrun() && self.enter().is_err() {
            return true;
        }
        let requests = self.uring.submission();
        let waits = requests.cq_overflow() || !requests.is_empty();
        drop(requests);
        waits || !self.listed.is_empty() || !self.uring.completion().is_empty()
    }

    /// Notes who drives: to be woken where there is something to ask. True where there is already.
    pub(crate) fn driven_by(&mut self, driver: &Waker) -> bool {
        self.driver = Some(driver.clone());
        self.orphans.wait(driver)
    }

    /// Has the kernel tell when there is something, or not.
    pub(crate) fn tells(&mut self, tells: bool) {
        let answers = self.uring.completion();
        if tells {
            answers.enable_eventfd();
            // Before it is looked whether there is something already.
            fence(Ordering::SeqCst);
        } else {
            answers.disable_eventfd();
        }
    }

    fn ask(&mut self, key: usize) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        socket.listed = false;
        for wish in socket.wishes().into_iter().flatten() {
            let request = request(wish, key, socket);
            let mut asked = push(&mut self.uring, &request);
            if !asked {
                self.uring.submit().ok();
                asked = push(&mut self.uring, &request);
            }
            if asked {
                socket.asked(wish);
            } else if !mem::replace(&mut socket.listed, true) {
                self.listed.push(key);
            }
        }
        if socket.dropped && !socket.listed && !socket.is_in_use() {
            self.sockets.remove(key);
        }
    }

    fn enter(&mut self) -> io::Result<()> {
        let count = u32::try_from(self.uring.submission().len()).unwrap_or(u32::MAX);
        let ring = self.uring.submitter();
        // SAFETY: no argument is handed in, and what the requests point at lives until they are
        // answered: the memory of sockets that the kernel has (`Socket::is_in_use`) is not let go of.
        let entered = unsafe { ring.enter::<()>(count, 0, GETEVENTS, None) };
        match entered.map_err(|error| (error.raw_os_error(), error)) {
            // What it didn't take, it takes the next time.
            Ok(_) | Err((Some(libc::EINTR | libc::EAGAIN | libc::EBUSY), _)) => Ok(()),
            // Nothing moves any more: who waits must not wait for ever.
            Err((_, error)) => {
                self.broken = true;
                Err(error)
            }
        }
    }

    fn answers(&mut self, woken: &mut Vec<Waker>) {
        let mut answers = mem::take(&mut self.answers);
        answers.extend(self.uring.completion());
        for answer in answers.drain(..) {
            match Of::from_number(answer.user_data()) {
                Of::Receive(key) => self.received(key, &answer, woken),
                Of::Send(key) => self.sent(key, answer.result(), woken),
                Of::Cancel => {}
            }
        }
        self.answers = answers;
        if self.broken {
            for (_, socket) in &mut self.sockets {
                woken.extend(socket.reader.take());
                woken.extend(socket.writer.take());
            }
        }
    }

    fn received(&mut self, key: usize, answer: &cqueue::Entry, woken: &mut Vec<Waker>) {
        let (result, flags) = (answer.result(), answer.flags());
        let mut socket = self.sockets.get_mut(key);
        if let Some(number) = cqueue::buffer_select(flags) {
            if let (Some(socket), Ok(length)) = (&mut socket, usize::try_from(result))
                && !socket.dropped
            {
                let come = self.buffers.get(number, length);
                socket.inbox.extend_from_slice(come);
            }
            self.buffers.give_back(number);
        }
        let Some(socket) = socket else {
            return;
        };
        socket.received(result, cqueue::more(flags));
        if !socket.inbox.is_empty() || socket.end().is_some() {
            woken.extend(socket.reader.take());
        }
        self.list_if_wanted(key);
    }

    fn sent(&mut self, key: usize, result: i32, woken: &mut Vec<Waker>) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        let empty = socket.sent(result);
        woken.extend(socket.writer.take());
        if self.spare.len() < SPARE {
            self.spare.extend(empty);
        }
        self.list_if_wanted(key);
    }

    /// Notes that a socket has a wish, where it has one or is to go.
    pub(crate) fn list_if_wanted(&mut self, key: usize) {
        let socket = self.sockets.get(key);
        if socket.is_some_and(|socket| socket.dropped || socket.wishes() != [None, None]) {
            self.list(key);
        }
    }
}

/// A socket, as long as the kernel can be asked for it.
fn usable(sockets: &mut Slab<Socket>, broken: bool, key: usize) -> io::Result<&mut Socket> {
    if broken {
        return Err(io::Error::other("io_uring has failed"));
    }
    let socket = sockets.get_mut(key);
    socket.ok_or_else(|| io::Error::other("the socket is gone"))
}

impl Drop for Ring {
    fn drop(&mut self) {
        let mut woken = Vec::new();
        let (mut patience, mut left) = (PATIENCE, self.sockets.len());
        // What was written is on its way before all else.
        self.turn(&mut woken).ok();
        for (_, socket) in &mut self.sockets {
            woken.extend(socket.reader.take());
            woken.extend(socket.writer.take());
            if !socket.dropped {
                // Whoever has it still must not keep its peer waiting.
                shutdown(socket.fd.as_raw_fd(), Shutdown::Both).ok();
            }
        }
        while patience > 0 {
            patience -= 1;
            if self.sockets.len() < left {
                (patience, left) = (PATIENCE, self.sockets.len());
            }
            for key in 0..self.sockets.capacity() {
                self.let_go(key);
            }
            self.turn(&mut woken).ok();
            if self.sockets.is_empty() {
                self.uring
                    .submitter()
                    .unregister_buf_ring(buffers::GROUP)
                    .ok();
                // SAFETY: it is not used from here on.
                unsafe { mem::ManuallyDrop::drop(&mut self.buffers) };
                woken.drain(..).for_each(Waker::wake);
                return;
            }
        }
        // The kernel may still write to the buffers, or send what it was handed: that is left to it.
        for (_, socket) in &mut self.sockets {
            mem::forget(mem::take(&mut socket.sending));
        }
        woken.drain(..).for_each(Waker::wake);
    }
}
