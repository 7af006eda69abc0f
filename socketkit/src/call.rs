//! A call: an event and its typed reply.

use crate::{
    CallError, Limits, Reject,
    failure::Failure,
    path::located,
    peer::Answer,
    question::Question,
    reports::Reports,
    wire::{self, Frame},
};
use serde::de::DeserializeOwned;
use std::{
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    mem,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call on its way: a future of its typed reply.
///
/// The event is sent when the future is first polled. One with `#[event(progress = T)]` has reports of its
/// progress before: see [`progress`](Self::progress) and [`on_progress`](Self::on_progress).
///
/// # Cancel safety
///
/// Dropping it before it was polled sends nothing. Dropped later, the call is forgotten: the other
/// side still runs it, and its reply is ignored. The handler of an event with progress is cancelled
/// then, wherever it is.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<R, T = ()> {
    reply: Option<Boxed<Result<R, Failure>>>,
    pub(crate) deadline: Deadline,
    reports: Option<Arc<Reports>>,
    /// Reports that the deadline knows of.
    came: u64,
    /// How it has ended, while there are reports to read.
    done: Option<Result<R, Failure>>,
    progress: PhantomData<fn() -> T>,
}

impl<R: DeserializeOwned + Send + 'static, T> Call<R, T> {
    /// One that `ask` sends and waits for.
    pub(crate) fn new<F>(
        question: Result<Question, CallError>,
        (limits, runtime): (&Limits, Handle),
        ask: impl FnOnce(Question, Option<Arc<Reports>>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let has_reports = question.as_ref().is_ok_and(|question| question.is_heard);
        let reports = has_reports.then(|| Arc::new(Reports::new(limits.reports)));
        let given = reports.clone();
        let reply = Box::pin(async move { Ok(decode(&ask(question?, given).await?)?) });
        let deadline = Deadline::new(limits.call, runtime);
        Self { reply: Some(reply), deadline, reports, came: 0, done: None, progress: PhantomData }
    }
}

impl<R, T: DeserializeOwned> Call<R, T> {
    /// The next report; `None` when there are no more, since the reply is there or the call has failed:
    /// await the call itself to learn which.
    ///
    /// Reports come in order, at most [`Limits::reports`](crate::Limits::reports) wait, and a report that
    /// is not a `T` ends the call with [`CallError::Decode`]. Each begins the deadline anew.
    ///
    /// ```
    /// # use socketkit::{CallError, Event, Protocol, Remote};
    /// # async fn run<P: Protocol, E: Event<Enum = P::Client, Progress = u8>>(
    /// #     remote: &Remote<P>, event: E,
    /// # ) -> Result<E::Reply, CallError> {
    /// let mut import = remote.call(event);
    /// while let Some(percent) = import.progress().await {
    ///     println!("{percent} %");
    /// }
    /// import.await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// No report is lost.
    pub async fn progress(&mut self) -> Option<T> {
        poll_fn(|cx| {
            if self.done.is_none()
                && self.reply.is_some()
                && let Poll::Ready(done) = self.poll_reply(cx)
            {
                self.done = Some(done);
            }
            let report = self.reports.as_ref().and_then(|reports| reports.pop());
            match report.map(|(text, data)| read::<T>(&text, &data, wire_progress)) {
                Some(Ok(report)) => Poll::Ready(Some(report)),
                Some(Err(error)) => {
                    self.reply = None;
                    self.reports = None;
                    self.done = Some(Err(error.into()));
                    Poll::Ready(None)
                }
                None if self.done.is_some() || self.reply.is_none() => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Waits for the reply, and hands each report to a function meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the call itself.
    ///
    /// # Cancel safety
    ///
    /// As for the call.
    pub async fn on_progress(mut self, mut hear: impl FnMut(T)) -> Result<R, CallError> {
        while let Some(report) = self.progress().await {
            hear(report);
        }
        self.await
    }
}

impl<R, T> Call<R, T> {
    /// Waits for at most `timeout` instead of [`Limits::call`](crate::Limits::call), counted from
    /// the first poll, and from each report of progress.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.deadline.timeout = timeout;
        self
    }

    /// How many reports were dropped because [`Limits::reports`](crate::Limits::reports) others waited.
    pub fn missed(&self) -> u64 {
        self.reports.as_ref().map_or(0, |reports| reports.missed())
    }

    /// Waits for the reply, and keeps a refusal as it is: [`CallError::Rejected`] leaves out its data.
    ///
    /// ```
    /// # use socketkit::{CallError, Event, Protocol, Remote};
    /// # use std::time::Duration;
    /// #[derive(serde::Deserialize)]
    /// struct TooFast {
    ///     /// Milliseconds.
    ///     retry_in: u64,
    /// }
    ///
    /// # async fn ask<P: Protocol, E: Event<Enum = P::Client> + Clone>(
    /// #     remote: &Remote<P>, event: E,
    /// # ) -> Result<Option<E::Reply>, CallError> {
    /// Ok(match remote.call(event.clone()).or_reject().await? {
    ///     Ok(reply) => Some(reply),
    ///     Err(reject) => match reject.data() {
    ///         Some(TooFast { retry_in }) => {
    ///             tokio::time::sleep(Duration::from_millis(retry_in)).await;
    ///             Some(remote.call(event).await?)
    ///         }
    ///         None => None,
    ///     },
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the call itself, but for [`CallError::Rejected`], which is the inner error.
    ///
    /// # Cancel safety
    ///
    /// As for the call.
    pub async fn or_reject(mut self) -> Result<Result<R, Reject>, CallError> {
        match poll_fn(|cx| self.poll_reply(cx)).await {
            Ok(reply) => Ok(Ok(reply)),
            Err(failure) => failure.into_reject().map(Err),
        }
    }

    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<R, Failure>> {
        if let Some(done) = self.done.take() {
            return Poll::Ready(done);
        }
        if let Some(reports) = &self.reports {
            reports.register(cx.waker());
        }
        if let Some(reply) = &mut self.reply
            && let Poll::Ready(result) = reply.as_mut().poll(cx)
        {
            self.reply = None;
            return Poll::Ready(result);
        }
        if let Some(reports) = &self.reports
            && mem::replace(&mut self.came, reports.came()) != self.came
        {
            self.deadline.sleep = None;
        }
        self.deadline.poll(cx).map(|()| Err(CallError::Timeout.into()))
    }
}

impl<R, T> Future for Call<R, T> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_reply(cx).map_err(CallError::from)
    }
}

// What it holds is boxed or is never pinned.
impl<R, T> Unpin for Call<R, T> {}

impl<R, T> fmt::Debug for Call<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("timeout", &self.deadline.timeout).finish_non_exhaustive()
    }
}

/// A timer that begins when it is first polled, on the runtime of the sockets.
pub(crate) struct Deadline {
    pub(crate) timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    runtime: Handle,
}

impl Deadline {
    pub(crate) fn new(timeout: Duration, runtime: Handle) -> Self {
        Self { timeout, sleep: None, runtime }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (runtime, timeout) = (&self.runtime, self.timeout);
        let sleep = self.sleep.get_or_insert_with(|| {
            let _context = runtime.enter();
            Box::pin(sleep(timeout))
        });
        sleep.as_mut().poll(cx)
    }
}

pub(crate) fn decode<R: DeserializeOwned>(
    (text, data): &(Utf8Bytes, Range<usize>),
) -> Result<R, CallError> {
    read(text, data, |frame| match frame {
        Frame::Reply { data, .. } => Some(data),
        _ => None,
    })
}

/// The report in a frame.
fn wire_progress<'a>(frame: &Frame<'a>) -> Option<&'a str> {
    match frame {
        Frame::Progress { data, .. } => Some(data),
        _ => None,
    }
}

/// Reads a payload, which `exactly` finds in a frame in which it was not the last member.
fn read<T: DeserializeOwned>(
    text: &str,
    data: &Range<usize>,
    exactly: impl for<'a> Fn(&Frame<'a>) -> Option<&'a str>,
) -> Result<T, CallError> {
    let data = text.get(data.clone()).unwrap_or("null");
    serde_json::from_str(data).or_else(|error| {
        let frame = wire::read_any(text).ok();
        match frame.as_ref().and_then(exactly).filter(|exact| *exact != data) {
            Some(exact) => serde_json::from_str(exact).map_err(|error| unreadable(exact, &error)),
            None => Err(unreadable(data, &error)),
        }
    })
}

/// A reply of another form than the contract's: where it differs.
fn unreadable(data: &str, error: &serde_json::Error) -> CallError {
    CallError::Decode(serde::de::Error::custom(located(data, error)))
}
