//! What lies around the tenants: the stack's bucket and event bus, the stacks of other environments, and how AWS is called
//! several times at once.

pub mod bucket;
pub(crate) mod bus;
pub(crate) mod calls;
pub mod peers;
