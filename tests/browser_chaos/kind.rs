//! Every way in which a page loses its connection here, and how each is done for certain.

use crate::scene::{Scene, UNANSWERED};
use tests::{
    browser::Result,
    dice::Dice,
    proxy::{Cut, Link, Way},
};

/// A way to lose a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Immediately, as if the other side had crashed.
    Reset,
    /// Immediately, as if the other side had closed.
    End,
    /// In the midst of what goes up.
    TornUp,
    /// In the midst of what comes down.
    TornDown,
    /// Half-open: nothing passes, and nobody is told. Later it arrives after all.
    Silent,
    /// Half-open for what goes up.
    Mute,
    /// Half-open for what comes down.
    Deaf,
    /// During the handshake: connections are refused.
    Refused,
    /// During the handshake: in the midst of the request.
    Request,
    /// During the handshake: in the midst of the answer.
    Answer,
    /// During the handshake: behind the answer, in the midst of `hello`.
    Hello,
    /// During the handshake, which the page gives up and which arrives after its next one.
    Overtaken,
    /// During the handshake, which the page gives up before it knows that it has succeeded.
    GivenUp,
    /// During the handshake, as the page goes offline.
    OfflineHandshake,
    /// During the replay of the server.
    ReplayDown,
    /// During the replay of the page.
    ReplayUp,
    /// The browser is offline.
    Offline,
    /// The page is told that it is offline, and that it is online.
    OfflineEvents,
    /// Into the back/forward cache and back.
    Away,
    /// The same, from a handshake.
    AwayHandshake,
    /// The page is frozen, and its connection is lost meanwhile.
    Frozen,
}

impl Kind {
    pub(crate) const ALL: [Self; 21] = [
        Self::Reset,
        Self::End,
        Self::TornUp,
        Self::TornDown,
        Self::Silent,
        Self::Mute,
        Self::Deaf,
        Self::Refused,
        Self::Request,
        Self::Answer,
        Self::Hello,
        Self::Overtaken,
        Self::GivenUp,
        Self::OfflineHandshake,
        Self::ReplayDown,
        Self::ReplayUp,
        Self::Offline,
        Self::OfflineEvents,
        Self::Away,
        Self::AwayHandshake,
        Self::Frozen,
    ];
}

/// Bytes of the request for a socket, at least.
const REQUEST: u64 = 400;
/// Bytes of the answer to it, at least, and of `hello` behind it at most.
const ANSWER: u64 = 120;
const GREETED: u64 = 480;
/// Bytes of a series of four events that wait, at least.
const SERIES: u64 = 150;

impl Scene {
    /// Loses the connection in this way, certainly, and waits until the session goes on.
    pub(crate) async fn lose(&self, kind: Kind, dice: &mut Dice) -> Result {
        let resumed: usize = self.has("resumed").await?;
        match kind {
            Kind::Reset => self.cut(Cut::Rst).await?,
            Kind::End => self.cut(Cut::Fin).await?,
            Kind::TornUp => self.tear(Way::Up, dice).await?,
            Kind::TornDown => self.tear(Way::Down, dice).await?,
            Kind::Silent => self.silence(Way::Both, resumed).await?,
            Kind::Mute => self.silence(Way::Up, resumed).await?,
            Kind::Deaf => self.silence(Way::Down, resumed).await?,
            Kind::Refused => self.refuse().await?,
            Kind::Request => self.interrupt(Way::Up, 1 + dice.below(REQUEST), dice).await?,
            Kind::Answer => self.interrupt(Way::Down, 1 + dice.below(ANSWER), dice).await?,
            Kind::Hello => self.interrupt(Way::Down, 200 + dice.below(60), dice).await?,
            Kind::Overtaken => self.overtake(dice, resumed).await?,
            Kind::GivenUp => self.give_up(dice).await?,
            Kind::OfflineHandshake => {
                self.knock(dice.cut()).await?;
                self.offline().await?;
            }
            Kind::ReplayDown => self.interrupt_replay(Way::Down, dice).await?,
            Kind::ReplayUp => self.interrupt_replay(Way::Up, dice).await?,
            Kind::Offline => self.offline().await?,
            Kind::OfflineEvents => {
                self.page
                    .eval(
                        "for (const type of ['offline', 'online']) dispatchEvent(new Event(type))",
                    )
                    .await?;
            }
            Kind::Away => self.away().await?,
            Kind::AwayHandshake => {
                self.knock(dice.cut()).await?;
                self.away().await?;
            }
            Kind::Frozen => self.freeze().await?,
        }
        self.resumed(resumed).await
    }

    /// Waits until the page has come back more often than so many times.
    async fn resumed(&self, before: usize) -> Result {
        self.page.wait_until(&format!("chaos.resumed > {before} || chaos.isOver()")).await?;
        assert!(
            !self.has::<bool>("isOver()").await?,
            "the session is over: {:?}",
            self.course().await
        );
        Ok(())
    }

    async fn cut(&self, how: Cut) -> Result {
        let link = self.link().await?;
        link.cut(how);
        link.ended().await;
        Ok(())
    }

    async fn tear(&self, way: Way, dice: &mut Dice) -> Result {
        let link = self.link().await?;
        link.cut_after(way, 1 + dice.below(600), dice.cut());
        link.ended().await;
        Ok(())
    }

    async fn silence(&self, way: Way, resumed: usize) -> Result {
        let link = self.link().await?;
        link.freeze(way);
        self.resumed(resumed).await?;
        // Too late for both sides.
        link.thaw(way);
        Ok(())
    }

    async fn refuse(&self) -> Result {
        let failed: usize = self.has("failed").await?;
        self.proxy.refuse();
        self.cut(Cut::Rst).await?;
        self.page.wait_until(&format!("chaos.failed > {failed}")).await?;
        self.proxy.restore();
        Ok(())
    }

    /// Cuts the connection; the next one is held before the server has it, until it is released.
    async fn knock(&self, how: Cut) -> Result<Link> {
        let link = self.link().await?;
        self.proxy.hold();
        link.cut(how);
        Ok(self.after(&link).await)
    }

    /// Cuts the connection, and the next one after so many bytes.
    async fn interrupt(&self, way: Way, bytes: u64, dice: &mut Dice) -> Result {
        let next = self.knock(dice.cut()).await?;
        next.cut_after(way, bytes, dice.cut());
        self.proxy.release();
        next.ended().await;
        assert_eq!(next.forwarded(way), bytes, "it was cut there");
        Ok(())
    }

    async fn overtake(&self, dice: &mut Dice, resumed: usize) -> Result {
        let late = self.knock(dice.cut()).await?;
        self.page.eval("dispatchEvent(new Event('offline'))").await?;
        let next = self.after(&late).await;
        next.release();
        self.resumed(resumed).await?;
        self.proxy.release();
        Ok(())
    }

    async fn give_up(&self, dice: &mut Dice) -> Result {
        let next = self.knock(dice.cut()).await?;
        // What comes to a page that is busy has come, and the page does not know.
        let busy = format!("busy as {} comes", next.number());
        let script = format!(
            "{{
                console.log({busy:?});
                const begun = performance.now();
                while (performance.now() - begun < 100);
                dispatchEvent(new Event('offline'));
            }}"
        );
        let release = async {
            self.page.said(&busy).await?;
            self.proxy.release();
            Ok(())
        };
        tokio::try_join!(self.page.eval(&script), release).map(drop)
    }

    async fn interrupt_replay(&self, way: Way, dice: &mut Dice) -> Result {
        // Whatever waits is answered, so that all that comes then is to be sent again.
        self.until(|entries| entries.unanswered <= 2).await;
        self.page.wait_until("chaos.unanswered <= 2").await?;
        let link = self.link().await?;
        self.proxy.hold();
        link.freeze(Way::Both);
        self.until(|entries| entries.unanswered == UNANSWERED).await;
        self.page.wait_until(&format!("chaos.unanswered == {UNANSWERED}")).await?;
        let torn: usize = self.has("tornReplays").await?;
        link.cut(dice.cut());
        let next = self.after(&link).await;
        let begun = if way == Way::Up { REQUEST * 2 } else { GREETED };
        let bytes = begun + dice.below(SERIES * (UNANSWERED as u64 - 6));
        next.cut_after(way, bytes, dice.cut());
        self.proxy.release();
        next.ended().await;
        assert_eq!(next.forwarded(way), bytes, "it was cut there");
        if way == Way::Down {
            self.page.wait_until(&format!("chaos.tornReplays > {torn}")).await?;
        }
        Ok(())
    }

    async fn offline(&self) -> Result {
        let failed: usize = self.has("failed").await?;
        self.page.offline(true).await?;
        self.proxy.release();
        // One attempt fails, and nothing comes back.
        self.page.wait_until(&format!("!navigator.onLine && chaos.failed > {failed}")).await?;
        self.page.offline(false).await
    }

    async fn away(&self) -> Result {
        let restored: usize = self.has("restored").await?;
        self.page.goto(&self.other).await?;
        self.proxy.release();
        self.page.back().await?;
        self.page.wait_until("window.chaos").await?;
        let reasons =
            "JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons)";
        let reasons = self.page.eval(reasons).await?;
        assert_eq!(self.has::<usize>("restored").await?, restored + 1, "not restored: {reasons}");
        Ok(())
    }

    async fn freeze(&self) -> Result {
        let suspended = self.server(|entries| entries.suspended.len());
        let over = self.browser.tab().await?;
        self.page.wait_until("document.hidden").await?;
        let link = self.link().await?;
        self.page.frozen(true).await?;
        link.cut(Cut::Rst);
        self.until(|entries| entries.suspended.len() > suspended).await;
        self.page.frozen(false).await?;
        self.page.show().await?;
        self.page.wait_until("!document.hidden").await?;
        over.close().await
    }
}
