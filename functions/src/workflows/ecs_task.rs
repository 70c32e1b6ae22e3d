//! ECS tasks that a state machine runs and waits for: the arguments of RunTask, and how a task has ended.

mod arguments;
mod end;

pub use arguments::{Network, Program, RunTask, Variable};
pub use end::Task;
pub(crate) use end::{STOPPED, last_lines, not_run, quoted};
