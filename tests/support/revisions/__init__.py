"""What a revision of the schema does to the release before, which runs on it. The rule: docs/guide/migrations.md."""
