//! Deep trees without deep stacks.
//!
//! A statement with thousands of operators becomes a tree with thousands of levels. Walking and dropping such a tree is
//! recursive, so both happen on a stack that is large enough, whatever thread it is.

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Below this much remaining stack a new one is made: a mapping and its page faults, for every call from a small one.
const RED_ZONE: usize = 128 << 20;

/// Size of a new stack, and of those of the threads that run statements, which therefore need no new one. Reserved, not
/// committed: pages that are not touched cost nothing.
pub const STACK: usize = 512 << 20;

/// Runs a function on a stack that fits the deepest tree that the limits of this crate let through.
pub(crate) fn with_deep_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RED_ZONE, STACK, work)
}

/// A value that may be a deep tree; dropping it is safe on any thread.
#[derive(Clone, Default)]
pub(crate) struct Deep<T: Default>(T);

impl<T: Default> Deep<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T: Default> Deref for Deep<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Default> Drop for Deep<T> {
    fn drop(&mut self) {
        let value = mem::take(&mut self.0);
        with_deep_stack(|| drop(value));
    }
}

impl<T: Default> fmt::Debug for Deep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deep(..)")
    }
}

/// A future that is polled on a deep stack.
pub(crate) struct DeepFuture<F>(Pin<Box<F>>);

impl<F> DeepFuture<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for DeepFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        with_deep_stack(|| self.0.as_mut().poll(context))
    }
}
