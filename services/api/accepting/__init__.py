"""From a wish to an import: what it refers to, quota, idempotency, and the transaction that stores all or nothing."""
