"""Code generation: vector code, and the functions that kernels call or share."""
