/* Objects of a snapshot are never freed, so nobody needs to count their references: without that, most of them are only
 * read, and stay shared with the file and between a process and its child (README.md, "What a page costs").
 *
 * Python has objects like that since 3.12 (PEP 683). What is missed here is counted as before. */
#ifdef WITH_SNAPSHOT
#define Py_BUILD_CORE 1 /* interned strings */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "snapshot.h"

#if PY_VERSION_HEX >= 0x030d0000
#include <internal/pycore_code.h>
#include <internal/pycore_descrobject.h>
#include <internal/pycore_global_objects.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_object.h>
#include <internal/pycore_typeobject.h>

#include <sys/mman.h>

/* Immortal objects whose references are still to be followed; outside of the snapshot. */
#define MOST ((size_t)1 << 20)
static struct {
    PyObject **objects;
    size_t count;
} open_objects;

static int keep(PyObject *object, void *nothing)
{
    (void)nothing;
    /* Static objects are immortal from the beginning, but those that they refer to are not. */
    if (!object || _Py_IsImmortal(object))
        return 0;
    if (open_objects.count == MOST)
        return -1;
    object->ob_refcnt = _Py_IMMORTAL_REFCNT;
    /* A string's first hash is written to it, too. */
    if (PyUnicode_Check(object) && PyObject_Hash(object) == -1)
        return -1;
    open_objects.objects[open_objects.count++] = object;
    return 0;
}

static int keep_all(PyObject *const *objects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (keep(objects[i], NULL) != 0)
            return -1;
    return 0;
}

static int keep_items(PyObject *dict)
{
    PyObject *key, *value;

    for (Py_ssize_t place = 0; dict && PyDict_Next(dict, &place, &key, &value);)
        if (keep(key, NULL) != 0 || keep(value, NULL) != 0)
            return -1;
    return 0;
}

/* The collector does not know code objects. */
static int keep_parts_of_code(PyCodeObject *code)
{
    PyObject *const parts[] = {
        code->co_consts,   code->co_names, code->co_exceptiontable, code->co_localsplusnames, code->co_localspluskinds,
        code->co_filename, code->co_name,  code->co_qualname,       code->co_linetable,
    };

    return keep_all(parts, sizeof parts / sizeof parts[0]);
}

static int keep_parts_of_type(PyTypeObject *type)
{
    /* Otherwise the first search of an attribute does it, for its bases, too. */
    PyUnstable_Type_AssignVersionTag(type);
    PyObject *dict = PyType_GetDict(type);
    PyObject *const parts[] = {dict, type->tp_mro, type->tp_bases, (PyObject *)type->tp_base};
    int result = keep_all(parts, sizeof parts / sizeof parts[0]);

    Py_XDECREF(dict);
    if (result == 0 && type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        PyHeapTypeObject *heap_type = (PyHeapTypeObject *)type;
        PyObject *const more[] = {heap_type->ht_name, heap_type->ht_qualname, heap_type->ht_slots};
        result = keep_all(more, sizeof more / sizeof more[0]);
    }
    return result;
}

/* tp_traverse leaves out names, and strings that are keys. */
static int keep_parts(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    if (PyDict_Check(object))
        return keep_items(object);
    if (PyCode_Check(object))
        return keep_parts_of_code((PyCodeObject *)object);
    if (PyType_Check(object))
        return keep_parts_of_type((PyTypeObject *)object);
    if (type == &PyMethodDescr_Type || type == &PyClassMethodDescr_Type || type == &PyMemberDescr_Type ||
        type == &PyGetSetDescr_Type || type == &PyWrapperDescr_Type) {
        PyObject *const names[] = {((PyDescrObject *)object)->d_name, ((PyDescrObject *)object)->d_qualname};
        return keep_all(names, 2);
    }
    return 0;
}

static int keep_references(PyObject *object)
{
    if (keep((PyObject *)Py_TYPE(object), NULL) != 0 || keep_parts(object) != 0)
        return -1;
    return PyObject_IS_GC(object) ? Py_TYPE(object)->tp_traverse(object, keep, NULL) : 0;
}

static int keep_collected(PyObject *object, void *failed)
{
    if (keep(object, NULL) != 0)
        *(bool *)failed = true;
    return !*(bool *)failed;
}

/* Static types, such as str, are immortal already: nothing leads to what they hold but their base. */
static int keep_types(PyTypeObject *base)
{
    PyObject *types = _PyType_GetSubclasses(base);
    int result = types ? keep_parts_of_type(base) : -1;

    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(types); i++)
        result = keep_types((PyTypeObject *)PyList_GET_ITEM(types, i));
    Py_XDECREF(types);
    return result;
}

bool snapshot_make_immortal(void)
{
    size_t size = MOST * sizeof *open_objects.objects;
    bool failed = false;

    open_objects.objects = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (open_objects.objects == MAP_FAILED)
        return false;
    failed = keep_types(&PyBaseObject_Type) != 0;
    PyUnstable_GC_VisitObjects(keep_collected, &failed);
    failed = failed || keep_items(_Py_INTERP_CACHED_OBJECT(PyInterpreterState_Get(), interned_strings)) != 0;
    while (!failed && open_objects.count > 0)
        failed = keep_references(open_objects.objects[--open_objects.count]) != 0;
    munmap(open_objects.objects, size);
    open_objects.objects = NULL;
    return !failed;
}
#else
bool snapshot_make_immortal(void)
{
    return true;
}
#endif
#endif
