/* exchange.c - one request and its redirects. They are followed here, hop by hop, so that it can be seen that
 * the token goes to the endpoint's host alone. */
#include "config.h"
#include "fetch/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_HOPS = 10 };

static rt_status no_memory(struct rt_error *err)
{
    return rt_fail(err, RT_ERR_MEMORY, "no memory for a request");
}

rt_status rt_http_origin(const char *url, char **origin, struct rt_error *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    rt_status st = RT_OK;
    CURLU *u = curl_url();
    if (u == NULL)
        return no_memory(err);
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0))
        st = rt_fail(err, RT_ERR_USAGE, "\"%.200s\" is no http or https address", url);
    else if (asprintf(origin, "%s://%s:%s", scheme, host, port) < 0)
        st = no_memory(err);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return st;
}

/* value of a header line "name: value\r\n", cut to fit; false if the line is another header. */
static bool value_of(const char *line, size_t bytes, const char *name, char *value, size_t room)
{
    const size_t skip = strlen(name);
    if (bytes <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
        return false;
    const char *from = line + skip + 1, *end = line + bytes;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (unsigned char)end[-1] <= ' ')
        end--;
    size_t used = 0;
    for (; from < end && used + 1 < room; from++) /* the text may go to a terminal */
        value[used++] = (unsigned char)*from < 0x20 || *from == 0x7f ? '?' : *from;
    value[used] = '\0';
    return true;
}

static int64_t whole(const char *text)
{
    char *end;
    const long long value = strtoll(text, &end, 10);
    return end == text || *end != '\0' || value < 0 ? -1 : value;
}

static void read_range(struct rt_reply *r, const char *value)
{
    long long first, last, total;
    char rest;
    if (sscanf(value, "bytes %lld-%lld/%lld%c", &first, &last, &total, &rest) == 3 && first >= 0 &&
        last >= first && total > last) {
        r->range_first = first;
        r->range_last = last;
        r->range_total = total;
    }
}

/* Link: <https://...>; rel="next" */
static void read_link(struct rt_reply *r, const char *value)
{
    const char *end = strchr(value, '>');
    if (value[0] != '<' || end == NULL || strstr(end, "rel=\"next\"") == NULL)
        return;
    free(r->next);
    r->next = strndup(value + 1, (size_t)(end - value) - 1);
}

static void forget(struct rt_reply *r, bool all)
{
    r->status = 0;
    r->length = r->retry_after_s = r->range_first = r->range_last = r->range_total = -1;
    r->etag[0] = r->error_code[0] = r->error_message[0] = '\0';
    free(r->next);
    r->next = NULL;
    if (all) {
        r->linked_size = -1;
        r->linked_etag[0] = '\0';
    }
}

static void read_retry_after(struct rt_reply *r, const char *value)
{
    r->retry_after_s = whole(value);
    if (r->retry_after_s < 0) { /* the other form: a date */
        const time_t then = curl_getdate(value, NULL), now = time(NULL);
        if (then >= 0)
            r->retry_after_s = then > now ? (int64_t)(then - now) : 0;
    }
}

static size_t on_header(char *line, size_t one, size_t count, void *user)
{
    struct rt_reply *r = user;
    const size_t bytes = one * count;
    char value[4096];
    if (bytes > 5 && strncasecmp(line, "HTTP/", 5) == 0) { /* an answer begins: of this hop, or after a 100 */
        forget(r, false);
        const char *space = memchr(line, ' ', bytes);
        r->status = space != NULL ? strtol(space, NULL, 10) : 0;
    } else if (value_of(line, bytes, "Content-Length", value, sizeof value)) {
        r->length = whole(value);
    } else if (value_of(line, bytes, "X-Linked-Size", value, sizeof value)) {
        r->linked_size = whole(value);
    } else if (value_of(line, bytes, "Content-Range", value, sizeof value)) {
        read_range(r, value);
    } else if (value_of(line, bytes, "Retry-After", value, sizeof value)) {
        read_retry_after(r, value);
    } else if (value_of(line, bytes, "Link", value, sizeof value)) {
        read_link(r, value);
    } else if (!value_of(line, bytes, "ETag", r->etag, sizeof r->etag) &&
               !value_of(line, bytes, "X-Linked-ETag", r->linked_etag, sizeof r->linked_etag) &&
               !value_of(line, bytes, "X-Error-Code", r->error_code, sizeof r->error_code)) {
        value_of(line, bytes, "X-Error-Message", r->error_message, sizeof r->error_message);
    }
    return bytes;
}

/* On a stop a request that waits for its first byte ends too. */
static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct rt_http *http = user;
    (void)a, (void)b, (void)c, (void)d;
    return *http->stop != 0;
}

rt_status rt_exchange_open(struct rt_exchange *x, const struct rt_http *http, struct rt_error *err)
{
    *x = (struct rt_exchange){ .http = http, .easy = curl_easy_init() };
    if (x->easy == NULL)
        return no_memory(err);
    const long stall_s = http->stall_s < 1 ? 1 : (long)http->stall_s;
    CURL *e = x->easy;
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "ranktune/" PACKAGE_VERSION);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* a connection a file is faster */
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's answer is not the hub's */
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, stall_s);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, stall_s);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 512L << 10);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->trouble);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, &x->reply);
    if (http->ca_file != NULL)
        curl_easy_setopt(e, CURLOPT_CAINFO, http->ca_file);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, (void *)http);
    return RT_OK;
}

void rt_exchange_close(struct rt_exchange *x)
{
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    free(x->url);
    free(x->reply.next);
    x->easy = NULL;
    x->headers = NULL;
    x->url = NULL;
    x->reply.next = NULL;
}

static rt_status add_header(struct curl_slist **list, const char *line, struct rt_error *err)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return no_memory(err);
    *list = longer;
    return RT_OK;
}

static rt_status add_token(struct rt_exchange *x, struct rt_error *err)
{
    char *line;
    if (asprintf(&line, "Authorization: Bearer %s", x->http->token) < 0)
        return no_memory(err);
    const rt_status st = add_header(&x->headers, line, err);
    free(line);
    return st;
}

/* http:// with HTTP_PROXY in capitals: curl takes that one only in small letters. */
static const char *proxy_of(const char *url)
{
    const char *capitals = getenv("HTTP_PROXY");
    return strncasecmp(url, "http:", 5) == 0 && getenv("http_proxy") == NULL ? capitals : NULL;
}

/* easy made ready for x->url: what differs from hop to hop. */
static rt_status ready(struct rt_exchange *x, struct rt_error *err)
{
    char *origin;
    RT_TRY(rt_http_origin(x->url, &origin, err));
    x->home = strcasecmp(origin, x->http->origin) == 0;
    free(origin);
    curl_slist_free_all(x->headers);
    x->headers = NULL;
    RT_TRY(add_header(&x->headers, "Accept-Encoding: identity",
                      err)); /* ranges and sizes count the file's bytes */
    if (x->home && x->http->token != NULL)
        RT_TRY(add_token(x, err));
    if (x->range[0] != '\0')
        RT_TRY(add_header(&x->headers, x->range, err));
    if (x->if_range[0] != '\0')
        RT_TRY(add_header(&x->headers, x->if_range, err));
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(x->easy, CURLOPT_PROXY, proxy_of(x->url));
    x->trouble[0] = '\0';
    if (curl_easy_setopt(x->easy, CURLOPT_URL, x->url) != CURLE_OK)
        return no_memory(err);
    return RT_OK;
}

rt_status rt_exchange_start(struct rt_exchange *x, const char *url, bool head, int64_t from, const char *etag,
                            struct rt_error *err)
{
    char *copy = strdup(url);
    if (copy == NULL)
        return no_memory(err);
    free(x->url);
    x->url = copy;
    x->hops = 0;
    x->head = head;
    x->range[0] = x->if_range[0] = '\0';
    if (from > 0)
        snprintf(x->range, sizeof x->range, "Range: bytes=%lld-", (long long)from);
    if (from > 0 && etag[0] == '"')
        snprintf(x->if_range, sizeof x->if_range, "If-Range: %s", etag);
    forget(&x->reply, true);
    curl_easy_setopt(x->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(x->easy, CURLOPT_NOBODY, head ? 1L : 0L);
    return ready(x, err);
}

rt_status rt_exchange_redirect(struct rt_exchange *x, bool *again, struct rt_error *err)
{
    char *next = NULL;
    *again = false;
    if (x->reply.status < 300 || x->reply.status > 399 || x->reply.status == 304)
        return RT_OK;
    curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &next);
    if (next == NULL)
        return RT_OK;
    if (++x->hops > MOST_HOPS)
        return rt_fail(err, RT_ERR_FILE, "%s: sent on more than %d times", x->url, MOST_HOPS);
    if (strncasecmp(x->url, "https:", 6) == 0 && strncasecmp(next, "https:", 6) != 0)
        return rt_fail(err, RT_ERR_FILE, "%s: sends us on from https to %.200s, which is refused", x->url,
                       next);
    char *copy = strdup(next);
    if (copy == NULL)
        return no_memory(err);
    free(x->url);
    x->url = copy;
    RT_TRY(ready(x, err));
    *again = true;
    return RT_OK;
}
