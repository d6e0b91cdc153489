// Compiles with and without the misuse: the runner must say so.
int nothing_wrong_here();
