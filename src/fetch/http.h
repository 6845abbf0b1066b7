/* http.h - private to fetch: one request with its redirects, what its headers said, and whether to try again.
 */
#ifndef RT_FETCH_HTTP_H
#define RT_FETCH_HTTP_H

#include "base/status.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all requests share. */
struct rt_http {
    char *origin;                /* of the endpoint: "https://huggingface.co:443" */
    const char *token, *ca_file; /* or NULL */
    double stall_s;
    int retries;
    const volatile sig_atomic_t *stop;
    void (*say)(void *context, bool warning, const char *text); /* or NULL */
    void *context;
};

/* The headers of the last answer; linked_etag and linked_size may be of an earlier hop, where the hub tells of
 * the file before it sends us to where that is stored. Numbers are -1 and texts "" where nothing was said. */
struct rt_reply {
    long status;
    int64_t length, linked_size, retry_after_s;
    int64_t range_first, range_last, range_total; /* Content-Range; -1, -1, -1 also if it cannot be read */
    char etag[160], linked_etag[160];             /* as sent, with quotes and W/ */
    char error_code[48], error_message[256];
    char *next; /* Link: rel="next" */
};

struct rt_exchange {
    const struct rt_http *http;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    bool home; /* url is on the endpoint's host, which alone gets the token */
    bool head;
    int hops;
    char range[64], if_range[192]; /* header lines, or "" */
    struct rt_reply reply;
    char trouble[CURL_ERROR_SIZE];
};

/* *origin (malloc'ed): scheme, host and port. Fails: RT_ERR_USAGE, anything but http and https. */
rt_status rt_http_origin(const char *url, char **origin, struct rt_error *err);

rt_status rt_exchange_open(struct rt_exchange *x, const struct rt_http *http, struct rt_error *err);
void rt_exchange_close(struct rt_exchange *x);
/* Make easy ready for url: from byte `from` on (0: all), only if what is there still has the tag `etag` ("": do
 * not ask). The caller has set CURLOPT_WRITEFUNCTION, and performs. */
rt_status rt_exchange_start(struct rt_exchange *x, const char *url, bool head, int64_t from, const char *etag,
                            struct rt_error *err);
/* After an answer: true if it was a redirect and easy is ready for the next hop. A hop from https to http, or
 * one hop too many, is RT_ERR_FILE. */
rt_status rt_exchange_redirect(struct rt_exchange *x, bool *again, struct rt_error *err);

enum rt_verdict {
    RT_HTTP_GOOD,
    RT_HTTP_AGAIN,  /* cut, timed out, too many requests, a server's own trouble: another try may bring it */
    RT_HTTP_REFUSED /* no try will */
};
enum rt_verdict rt_http_verdict(const struct rt_exchange *x, CURLcode code);
/* Why it was not good, in words: "connection cut", "429 Too Many Requests". */
const char *rt_http_reason(const struct rt_exchange *x, CURLcode code, char text[400]);
/* Seconds before try number `failures` + 1: doubled each time, what the server asks for if that is more. */
double rt_http_delay_s(int failures, int64_t retry_after_s);
/* Sleeps in small steps; false if *stop was set. */
bool rt_http_nap(const struct rt_http *http, double seconds);

/* The whole answer to a GET, malloc'ed, NUL behind it, tried again as http->retries says. A refusal is no error
 * here: x->reply.status tells. x is opened, and holds the reply. Fails: RT_ERR_COMM, RT_STOPPED, RT_ERR_MEMORY.
 */
rt_status rt_http_text(struct rt_exchange *x, const char *url, char **text, size_t *bytes,
                       struct rt_error *err);

#endif
