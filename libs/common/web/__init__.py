"""HTTP as our services answer it: who calls, what is refused and how, health, connections of bounded cost."""
