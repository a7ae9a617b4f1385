/* pyoci._record: the constructor of all plain data (record.py).
 *
 * `create` makes some sixty records of up to thirty fields. In Python, their constructor was a quarter of all that its host
 * side had to interpret.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Base(**fields): each field of the class's _defaults is set to its keyword, else to its default; `...` is none. */
static int set_fields(PyObject *self, PyObject *args, PyObject *given)
{
    PyObject *defaults = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "_defaults");
    PyObject *field, *value;
    Py_ssize_t position = 0, unused = given ? PyDict_GET_SIZE(given) : 0;
    int result = -1;

    if (!defaults)
        return -1;
    if (PyTuple_GET_SIZE(args) > 0) {
        PyErr_Format(PyExc_TypeError, "%s: takes keywords only", Py_TYPE(self)->tp_name);
        goto done;
    }
    while (PyDict_Next(defaults, &position, &field, &value)) {
        PyObject *keyword = given ? PyDict_GetItemWithError(given, field) : NULL;
        if (keyword)
            unused--;
        else if (PyErr_Occurred())
            goto done;
        else if (value == Py_Ellipsis) {
            PyErr_Format(PyExc_TypeError, "%s: field %R is missing", Py_TYPE(self)->tp_name, field);
            goto done;
        }
        if (PyObject_SetAttr(self, field, keyword ? keyword : value) < 0)
            goto done;
    }
    if (unused == 0) {
        result = 0;
        goto done;
    }
    position = 0;
    while (PyDict_Next(given, &position, &field, &value))
        if (!PyDict_Contains(defaults, field)) {
            PyErr_Format(PyExc_TypeError, "%s: unknown field %R", Py_TYPE(self)->tp_name, field);
            break;
        }
done:
    Py_DECREF(defaults);
    return result;
}

static PyType_Slot base_slots[] = {
    {Py_tp_init, set_fields},
    {0},
};

static PyType_Spec base = {
    .name = "pyoci._record.Base",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = base_slots,
};

static int add_base(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&base);
    int result = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;

    Py_XDECREF(type);
    return result;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_base},
    {0},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pyoci._record",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__record(void)
{
    return PyModuleDef_Init(&definition);
}
