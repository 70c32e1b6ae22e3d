//! What is not part of a tenant: the stack's bucket and event bus, the stacks of other environments, and parallel AWS
//! calls.

pub mod bucket;
pub(crate) mod bus;
pub(crate) mod calls;
pub mod peers;
