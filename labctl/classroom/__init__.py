"""A class: many ordinary labs, one per seat, that one instructor looks after."""
