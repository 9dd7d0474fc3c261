"""The CPU engine: an equation becomes vector code for this processor, through LLVM."""
