"""Fields that a company gives its leads beside ours."""
