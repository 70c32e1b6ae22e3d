//! What became of an execution, said once; and what it left behind, removed.
//!
//! Step Functions tells every change of an execution's status, also when nobody could catch what ended it. [`start`]
//! takes the end of one of ours and starts conclude-execution under a name made of it, so that an end that is told twice
//! is concluded once. There, [`read`] tells what became of the execution and what may be left of it, teardown-tenant
//! removes that, and [`announce`] puts the one event on the bus. EventBridge has no token for a put that is repeated, so
//! an answer that is lost may double the event: receivers know it by its `execution_arn`.

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
