/* From now on: where the heap begins. */
void memory_watch(void);

/* Before Python starts: its objects' memory comes from here. */
void memory_take_arenas(void);
