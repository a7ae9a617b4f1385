"""What referencing and jsonschema use of rpds, which is published as a shared object only: persistent collections.

Copying a dict at each change is enough for the handful of resources that one schema has. tests/unit/test_release.py
compares it with the original.
"""

from __future__ import annotations


class HashTrieMap:
    """An immutable mapping; a change makes another one."""

    __slots__ = ("_items",)

    def __init__(self, value=(), /, **keywords):
        self._items = dict(value._items if isinstance(value, HashTrieMap) else value, **keywords)

    @classmethod
    def convert(cls, value):
        return value if isinstance(value, cls) else cls(value)

    @classmethod
    def fromkeys(cls, keys, value=None):
        return cls(dict.fromkeys(keys, value))

    def insert(self, key, value):
        return HashTrieMap({**self._items, key: value})

    def remove(self, key):
        if key not in self._items:
            raise KeyError(key)
        return self.discard(key)

    def discard(self, key):
        return HashTrieMap({name: value for name, value in self._items.items() if name != key})

    def update(self, *others, **keywords):
        items = dict(self._items)
        for other in others:
            items.update(other._items if isinstance(other, HashTrieMap) else other)
        return HashTrieMap({**items, **keywords})

    def get(self, key, default=None):
        return self._items.get(key, default)

    def keys(self):
        return self._items.keys()

    def values(self):
        return self._items.values()

    def items(self):
        return self._items.items()

    def __getitem__(self, key):
        return self._items[key]

    def __contains__(self, key):
        return key in self._items

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __eq__(self, other):
        if isinstance(other, HashTrieMap):
            return self._items == other._items
        return self._items == other if isinstance(other, dict) else NotImplemented

    def __hash__(self):
        return hash(frozenset(self._items.items()))

    def __repr__(self):
        return f"HashTrieMap({self._items!r})"


class HashTrieSet:
    """An immutable set."""

    __slots__ = ("_items",)

    def __init__(self, value=(), /):
        self._items = frozenset(value)

    def insert(self, value):
        return HashTrieSet(self._items | {value})

    def discard(self, value):
        return HashTrieSet(self._items - {value})

    def remove(self, value):
        if value not in self._items:
            raise KeyError(value)
        return self.discard(value)

    def update(self, *others):
        return HashTrieSet(self._items.union(*others))

    def __contains__(self, value):
        return value in self._items

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __eq__(self, other):
        return self._items == frozenset(other) if isinstance(other, (HashTrieSet, set, frozenset)) else NotImplemented

    def __hash__(self):
        return hash(self._items)

    def __repr__(self):
        return f"HashTrieSet({set(self._items)!r})"


class List:
    """An immutable list that grows at its front."""

    __slots__ = ("_items",)

    def __init__(self, *values):
        self._items = tuple(values[0]) if len(values) == 1 and not isinstance(values[0], str) else values

    @property
    def first(self):
        if not self._items:
            raise IndexError("empty list has no first element")
        return self._items[0]

    @property
    def rest(self):
        return List(self._items[1:])

    def push_front(self, value):
        return List((value, *self._items))

    def drop_first(self):
        if not self._items:
            raise IndexError("empty list has no first element")
        return List(self._items[1:])

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __eq__(self, other):
        return self._items == other._items if isinstance(other, List) else NotImplemented

    def __hash__(self):
        return hash(self._items)

    def __repr__(self):
        return f"List([{', '.join(map(repr, self._items))}])"
