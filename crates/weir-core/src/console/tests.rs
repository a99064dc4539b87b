//! The console as data: what texts mean, and that every table keeps its shape.
