//! Against every Python of this machine.

use super::*;
