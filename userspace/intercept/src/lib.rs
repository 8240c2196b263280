//! intercept
