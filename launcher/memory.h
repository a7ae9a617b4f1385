/* What of this process is Python's memory alone. */
void memory_watch(void);
