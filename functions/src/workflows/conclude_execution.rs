//! Concludes an execution that has ended: removes what it left behind, and sends one event about its end.
//!
//! Step Functions sends an event for every change of an execution's status, also when the execution could not catch
//! what ended it. [`start`] receives the end of an execution of this stack and starts conclude-execution. The name of
//! that execution is made from the ended one, so an end that is delivered twice is concluded once. In
//! conclude-execution, [`read`] finds out how the execution ended and what may be left of it, teardown-tenant removes
//! that, and [`announce`] puts the event on the bus. EventBridge has no idempotency token, so the event may be sent
//! twice when an answer is lost. Receivers recognize the second by its `execution_arn`.

mod announce;
mod detail;
mod execution;
mod history;
mod read;
mod start;

pub use announce::{Announced, announce};
pub use detail::{Announcement, Detail, DetailType};
pub use execution::ExecutionArn;
pub use read::{CleanUp, Conclusion, Read, read};
pub use start::{Started, StatusChange, start};
