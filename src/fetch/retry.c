/* retry.c - which answers are worth another try, when, and in which words they are told. */
#include "config.h"
#include "base/clock.h"
#include "fetch/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_LIMIT = 256 << 20, RETRY_AFTER_LIMIT_S = 600 };

/* curl's own errors that come again however often it is tried. */
static bool lasting(CURLcode code)
{
    static const CURLcode codes[] = {
        CURLE_UNSUPPORTED_PROTOCOL, CURLE_FAILED_INIT,        CURLE_URL_MALFORMAT,
        CURLE_NOT_BUILT_IN,         CURLE_OUT_OF_MEMORY,      CURLE_SSL_CERTPROBLEM,
        CURLE_SSL_CIPHER,           CURLE_SSL_CACERT_BADFILE, CURLE_PEER_FAILED_VERIFICATION,
        CURLE_SSL_ENGINE_NOTFOUND,  CURLE_SSL_ISSUER_ERROR,   CURLE_ABORTED_BY_CALLBACK
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (code == codes[i])
            return true;
    return false;
}

enum rt_verdict rt_http_verdict(const struct rt_exchange *x, CURLcode code)
{
    const long status = x->reply.status;
    if (code != CURLE_OK)
        return lasting(code) ? RT_HTTP_REFUSED : RT_HTTP_AGAIN;
    if (status == 200 || status == 206)
        return RT_HTTP_GOOD;
    if (status == 408 || status == 416 || status == 425 || status == 429 || status >= 500)
        return RT_HTTP_AGAIN;
    /* A place that we were sent to: its signed address ends after a while, and the hub gives a new one. */
    return x->home ? RT_HTTP_REFUSED : RT_HTTP_AGAIN;
}

static const char *status_word(long status)
{
    static const struct {
        long status;
        const char *word;
    } words[] = { { 401, " Unauthorized" },
                  { 403, " Forbidden" },
                  { 404, " Not Found" },
                  { 408, " Request Timeout" },
                  { 416, " Range Not Satisfiable" },
                  { 429, " Too Many Requests" },
                  { 500, " Internal Server Error" },
                  { 502, " Bad Gateway" },
                  { 503, " Service Unavailable" },
                  { 504, " Gateway Timeout" } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].status == status)
            return words[i].word;
    return "";
}

const char *rt_http_reason(const struct rt_exchange *x, CURLcode code, char text[400])
{
    if (code != CURLE_OK)
        snprintf(text, 400, "%s", x->trouble[0] != '\0' ? x->trouble : curl_easy_strerror(code));
    else
        snprintf(text, 400, "%ld%s%s%s", x->reply.status, status_word(x->reply.status),
                 x->reply.error_message[0] != '\0' ? ": " : "", x->reply.error_message);
    return text;
}

double rt_http_delay_s(int failures, int64_t retry_after_s)
{
    double delay_s = failures <= 0 ? 0.1 : 0.5;
    for (int i = 1; i < failures && delay_s < 30; i++)
        delay_s *= 2;
    if (delay_s > 30)
        delay_s = 30;
    const double asked_s = (double)(retry_after_s > RETRY_AFTER_LIMIT_S ? RETRY_AFTER_LIMIT_S : retry_after_s);
    return asked_s > delay_s ? asked_s : delay_s;
}

bool rt_http_nap(const struct rt_http *http, double seconds)
{
    const double end_s = rt_now_s() + seconds;
    while (*http->stop == 0 && rt_now_s() < end_s)
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    return *http->stop == 0;
}

struct text {
    char *data;
    size_t bytes;
};

static size_t on_text(char *data, size_t one, size_t count, void *user)
{
    struct text *t = user;
    const size_t bytes = one * count;
    char *longer = t->bytes + bytes > TEXT_LIMIT ? NULL : realloc(t->data, t->bytes + bytes + 1);
    if (longer == NULL)
        return 0;
    memcpy(longer + t->bytes, data, bytes);
    t->data = longer;
    t->bytes += bytes;
    t->data[t->bytes] = '\0';
    return bytes;
}

/* One try, redirects followed. */
static rt_status perform(struct rt_exchange *x, const char *url, struct text *t, CURLcode *code,
                         struct rt_error *err)
{
    bool again = true;
    RT_TRY(rt_exchange_start(x, url, false, 0, "", err));
    while (again) {
        t->bytes = 0;
        *code = curl_easy_perform(x->easy);
        again = false;
        if (*code == CURLE_OK)
            RT_TRY(rt_exchange_redirect(x, &again, err));
    }
    return RT_OK;
}

static void tell_wait(const struct rt_http *http, const char *url, const char *reason, int failures,
                      double delay_s)
{
    char text[900];
    if (http->say == NULL)
        return;
    snprintf(text, sizeof text, "%.300s: %s; again in %.3g s (try %d of %d)", url, reason, delay_s,
             failures + 1, http->retries + 1);
    http->say(http->context, true, text);
}

rt_status rt_http_text(struct rt_exchange *x, const char *url, char **text, size_t *bytes, struct rt_error *err)
{
    struct text t = { 0 };
    char reason[400];
    rt_status st = RT_OK;
    curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_text);
    curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, &t);
    for (int failures = 0;;) {
        CURLcode code = CURLE_OK;
        RT_TRY_TO(st, perform(x, url, &t, &code, err), free_text);
        const enum rt_verdict verdict = rt_http_verdict(x, code);
        if (verdict == RT_HTTP_GOOD || (verdict == RT_HTTP_REFUSED && code == CURLE_OK))
            break;
        rt_http_reason(x, code, reason);
        const double delay_s = rt_http_delay_s(++failures, x->reply.retry_after_s);
        if (*x->http->stop == 0 && (verdict == RT_HTTP_REFUSED || failures > x->http->retries)) {
            st = rt_fail(err, RT_ERR_COMM,
                         "%.300s: %s (try %d). If this machine has no way to the outside, run it on "
                         "one that has, or set HTTPS_PROXY, or HF_ENDPOINT to a mirror",
                         url, reason, failures);
            goto free_text;
        }
        if (*x->http->stop == 0)
            tell_wait(x->http, url, reason, failures, delay_s);
        if (!rt_http_nap(x->http, delay_s)) {
            st = rt_fail(err, RT_STOPPED, "stopped before the list of files was here");
            goto free_text;
        }
    }
    if (t.data == NULL && (t.data = calloc(1, 1)) == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a list of files");
    *text = t.data;
    *bytes = t.bytes;
    return RT_OK;
free_text:
    free(t.data);
    return st;
}
