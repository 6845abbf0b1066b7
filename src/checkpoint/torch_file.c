/* torch_file.c - an archive of torch.save opened, and numbers read out of it; libzip does the zip. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/torch_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

enum { PIECE = 1 << 20 };
#define PICKLE "data.pkl"

struct rt_torch {
    char *path;
    zip_t *zip;
    char *folder; /* that all its entries lie in, with the slash behind it; "" for none */
    char *bytes;  /* of the pickle */
    struct rt_pickle *pickle;
};

static rt_status wrong(const struct rt_torch *t, const char *entry, const char *what, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_FILE, "%.500s: %.200s: %s", t->path, entry, what);
}

static rt_status open_zip(struct rt_torch *t, struct rt_error *err)
{
    int code = 0, fd;
    uint64_t size;
    RT_TRY(rt_file_open(&fd, &size, t->path, err));
    t->zip = zip_fdopen(fd, 0, &code);
    if (t->zip != NULL) /* which has fd now */
        return RT_OK;
    close(fd);
    zip_error_t why;
    zip_error_init_with_code(&why, code);
    const rt_status st =
        code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS
            ? rt_fail(err, RT_ERR_FILE,
                      "%.500s: is no whole zip archive, as torch.save has written them since torch 1.6",
                      t->path)
            : rt_fail(err, code == ZIP_ER_MEMORY ? RT_ERR_MEMORY : RT_ERR_IO, "%.500s: %s", t->path,
                      zip_error_strerror(&why));
    zip_error_fini(&why);
    return st;
}

/* torch puts everything into one folder, which older versions call "archive" and newer ones as the file. */
static rt_status find_folder(struct rt_torch *t, struct rt_error *err)
{
    const zip_int64_t count = zip_get_num_entries(t->zip, 0);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(t->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        const char *slash = name == NULL ? NULL : strchr(name, '/');
        const char *last = slash == NULL ? name : slash + 1;
        if (last != NULL && strcmp(last, PICKLE) == 0)
            return rt_file_path(&t->folder, err, "%.*s", (int)(last - name), name);
    }
    return rt_fail(err, RT_ERR_FILE, "%.500s: holds no " PICKLE ", so torch.save did not write it", t->path);
}

/* An entry of the folder, of exactly `bytes` bytes unless that is below 0; *size is what it has. */
static rt_status open_entry(zip_file_t **entry, uint64_t *size, struct rt_torch *t, const char *name,
                            int64_t bytes, struct rt_error *err)
{
    char *path;
    zip_stat_t info;
    RT_TRY(rt_file_path(&path, err, "%s%s", t->folder, name));
    const int missing = zip_stat(t->zip, path, ZIP_FL_ENC_RAW, &info);
    free(path);
    if (missing != 0)
        return wrong(t, name, "is not in the archive", err);
    if ((info.valid & ZIP_STAT_COMP_METHOD) == 0 || (info.valid & ZIP_STAT_SIZE) == 0 ||
        info.comp_method != ZIP_CM_STORE)
        return wrong(t, name, "is compressed, which torch.save does not do", err);
    if (bytes >= 0 && info.size != (uint64_t)bytes)
        return rt_fail(err, RT_ERR_FILE, "%.500s: %.200s: has %llu bytes, and its tensor asks for %lld",
                       t->path, name, (unsigned long long)info.size, (long long)bytes);
    *entry = zip_fopen_index(t->zip, info.index, 0);
    if (*entry == NULL)
        return wrong(t, name, zip_strerror(t->zip), err);
    *size = info.size;
    return RT_OK;
}

/* Exactly count bytes; after the last of an entry its check sum is compared. */
static rt_status read_entry(zip_file_t *entry, const struct rt_torch *t, const char *name, void *to,
                            size_t count, struct rt_error *err)
{
    char *at = to;
    while (count > 0) {
        const zip_int64_t n = zip_fread(entry, at, count);
        if (n < 0)
            return wrong(t, name, zip_file_strerror(entry), err);
        if (n == 0)
            return wrong(t, name, "is cut short", err);
        at += n;
        count -= (size_t)n;
    }
    return RT_OK;
}

static rt_status end_entry(zip_file_t *entry, const struct rt_torch *t, const char *name, struct rt_error *err)
{
    char more;
    const zip_int64_t n = zip_fread(entry, &more, 1);
    return n == 0 ? RT_OK : wrong(t, name, n < 0 ? zip_file_strerror(entry) : "goes on behind its end", err);
}

/* A whole entry of at most `most` bytes, malloc'ed. */
static rt_status load_entry(char **data, uint64_t *size, struct rt_torch *t, const char *name, uint64_t most,
                            struct rt_error *err)
{
    zip_file_t *entry;
    RT_TRY(open_entry(&entry, size, t, name, -1, err));
    rt_status st = *size <= most ? RT_OK : wrong(t, name, "is larger than anything that is read here", err);
    *data = NULL;
    if (st == RT_OK && (*data = malloc((size_t)*size + 1)) == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory for its " PICKLE, t->path);
    if (st == RT_OK)
        st = read_entry(entry, t, name, *data, (size_t)*size, err);
    if (st == RT_OK)
        st = end_entry(entry, t, name, err);
    (void)zip_fclose(entry);
    if (st != RT_OK) {
        free(*data);
        *data = NULL;
    }
    return st;
}

/* Files of before torch 2 do not say; they are of little endian machines. */
static rt_status check_byte_order(struct rt_torch *t, struct rt_error *err)
{
    char *path, *word;
    uint64_t size;
    RT_TRY(rt_file_path(&path, err, "%sbyteorder", t->folder));
    const bool there = zip_name_locate(t->zip, path, ZIP_FL_ENC_RAW) >= 0;
    free(path);
    if (!there)
        return RT_OK;
    RT_TRY(load_entry(&word, &size, t, "byteorder", 64, err));
    const bool little = size == 6 && memcmp(word, "little", 6) == 0;
    free(word);
    return little ? RT_OK : wrong(t, "byteorder", "is not little: it is of another kind of machine", err);
}

static rt_status open_torch(struct rt_torch *t, const char *path, struct rt_error *err)
{
    uint64_t size;
    RT_TRY(rt_file_path(&t->path, err, "%s", path));
    RT_TRY(open_zip(t, err));
    RT_TRY(find_folder(t, err));
    RT_TRY(check_byte_order(t, err));
    RT_TRY(load_entry(&t->bytes, &size, t, PICKLE, RT_PICKLE_MAX, err));
    return rt_pickle_read(&t->pickle, t->path, t->bytes, (size_t)size, err);
}

rt_status rt_torch_open(struct rt_torch **file, const char *path, struct rt_error *err)
{
    struct rt_torch *t = calloc(1, sizeof *t);
    if (t == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory to read it", path);
    const rt_status st = open_torch(t, path, err);
    if (st == RT_OK)
        *file = t;
    else
        rt_torch_close(t);
    return st;
}

void rt_torch_close(struct rt_torch *t)
{
    if (t == NULL)
        return;
    rt_pickle_free(t->pickle);
    if (t->zip != NULL)
        zip_discard(t->zip);
    free(t->bytes);
    free(t->folder);
    free(t->path);
    free(t);
}

const char *rt_torch_path(const struct rt_torch *t)
{
    return t->path;
}

const struct rt_pickle *rt_torch_pickle(const struct rt_torch *t)
{
    return t->pickle;
}

static enum rt_file_dtype file_dtype(enum rt_pickle_name type)
{
    switch (type) {
    case RT_PICKLE_F32: return RT_FILE_F32;
    case RT_PICKLE_F16: return RT_FILE_F16;
    case RT_PICKLE_BF16: return RT_FILE_BF16;
    default: return RT_FILE_OTHER;
    }
}

/* The whole storage through `piece`, and of it the tensor's own elements to dst. */
static rt_status read_storage(zip_file_t *entry, const struct rt_torch *t, const struct rt_torch_tensor *tensor,
                              const char *name, char *piece, float *dst, struct rt_error *err)
{
    const int64_t item = (int64_t)tensor->item_bytes, step = PIECE / item, from = tensor->offset,
                  to = from + tensor->elements;
    for (int64_t at = 0; at < tensor->stored; at += step) {
        const int64_t n = tensor->stored - at < step ? tensor->stored - at : step;
        const int64_t first = at > from ? at : from, last = at + n < to ? at + n : to;
        RT_TRY(read_entry(entry, t, name, piece, (size_t)(n * item), err));
        if (dst != NULL && first < last)
            rt_file_to_f32(dst + (first - from), piece + (first - at) * item, file_dtype(tensor->type),
                           last - first);
    }
    return end_entry(entry, t, name, err);
}

rt_status rt_torch_read(struct rt_torch *t, const struct rt_torch_tensor *tensor, float *dst,
                        struct rt_error *err)
{
    char *name;
    zip_file_t *entry;
    uint64_t size;
    if (dst != NULL && file_dtype(tensor->type) == RT_FILE_OTHER)
        return rt_fail(err, RT_ERR_FILE, "%.500s: a tensor's numbers are not float32, float16 or bfloat16",
                       t->path);
    RT_TRY(rt_file_path(&name, err, "data/%.*s", (int)tensor->key_bytes, tensor->key));
    char *piece = malloc(PIECE);
    rt_status st = piece != NULL ? RT_OK : rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory to read it", t->path);
    if (st == RT_OK)
        st = open_entry(&entry, &size, t, name, tensor->stored * (int64_t)tensor->item_bytes, err);
    if (st == RT_OK) {
        st = read_storage(entry, t, tensor, name, piece, dst, err);
        (void)zip_fclose(entry);
    }
    free(piece);
    free(name);
    return st;
}
