//! What the operator wants: flags over environment over defaults, resolved and validated once.
