//! SIGINT, SIGTERM and SIGHUP: the first asks to end, the second does not ask.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many signals to end have come. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    count: watch::Receiver<u32>,
}

impl Signals {
    /// Takes the three over for the rest of the process.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // A terminal that closes must not leave Postgres behind.
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, count) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                sender.send_modify(|count| *count += 1);
                if *sender.borrow() == 1 {
                    tracing::info!("told to end; a second signal does not wait for what is under way");
                }
            }
        });
        Ok(Self { count })
    }

    /// Ends with the first signal.
    pub(crate) fn first(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reaches(1)
    }

    /// Ends with the second signal.
    pub(crate) fn second(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reaches(2)
    }

    fn reaches(&self, number: u32) -> impl Future<Output = ()> + Send + use<> {
        let mut count = self.count.clone();
        async move {
            if count.wait_for(|count| *count >= number).await.is_err() {
                // The runtime is being taken down: there will be no more signals.
                std::future::pending::<()>().await;
            }
        }
    }
}
