/* hub_env.c - HF_ENDPOINT, HF_TOKEN and their kin. */
#include "config.h"
#include "tools/hub_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *given(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The first word of text, malloc'ed; NULL if there is none. */
static char *first_word(const char *text)
{
    const char *from = text + strspn(text, " \t\r\n");
    const size_t bytes = strcspn(from, " \t\r\n");
    return bytes > 0 ? strndup(from, bytes) : NULL;
}

static char *token_in(const char *folder, const char *tail)
{
    char path[4096], text[1024] = "";
    snprintf(path, sizeof path, "%s%s", folder, tail);
    FILE *in = fopen(path, "r");
    if (in == NULL)
        return NULL;
    const size_t bytes = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[bytes] = '\0';
    return first_word(text);
}

static char *read_token(void)
{
    const char *name;
    if ((name = given("HF_TOKEN")) != NULL || (name = given("HUGGING_FACE_HUB_TOKEN")) != NULL)
        return first_word(name);
    if ((name = given("HF_TOKEN_PATH")) != NULL)
        return token_in(name, "");
    if ((name = given("HF_HOME")) != NULL)
        return token_in(name, "/token");
    if ((name = given("XDG_CACHE_HOME")) != NULL)
        return token_in(name, "/huggingface/token");
    return (name = given("HOME")) != NULL ? token_in(name, "/.cache/huggingface/token") : NULL;
}

static int on(const char *name)
{
    const char *value = given(name);
    return value != NULL && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0 ||
                             strcasecmp(value, "yes") == 0 || strcasecmp(value, "on") == 0);
}

rt_status rt_hub_env_read(struct rt_hub_env *env, struct rt_error *err)
{
    *env = (struct rt_hub_env){ .timeout_s = 30 };
    if (on("HF_HUB_OFFLINE"))
        return rt_fail(err, RT_ERR_USAGE, "HF_HUB_OFFLINE is set, which forbids to download; unset it");
    const char *timeout = given("HF_HUB_DOWNLOAD_TIMEOUT");
    if (timeout != NULL) {
        char *end;
        env->timeout_s = strtod(timeout, &end);
        if (*end != '\0' || !(env->timeout_s >= 1 && env->timeout_s <= 86400))
            return rt_fail(err, RT_ERR_USAGE,
                           "HF_HUB_DOWNLOAD_TIMEOUT: \"%.50s\" is no number of seconds from 1 to 86400",
                           timeout);
    }
    const char *endpoint = given("HF_ENDPOINT");
    env->endpoint = strdup(endpoint != NULL ? endpoint : "https://huggingface.co");
    if (env->endpoint == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for HF_ENDPOINT");
    for (size_t n = strlen(env->endpoint); n > 0 && env->endpoint[n - 1] == '/'; n--)
        env->endpoint[n - 1] = '\0';
    const char *ca;
    if ((ca = given("CURL_CA_BUNDLE")) != NULL || (ca = given("SSL_CERT_FILE")) != NULL ||
        (ca = given("REQUESTS_CA_BUNDLE")) != NULL)
        env->ca_file = ca;
    env->token = on("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? NULL : read_token();
    return RT_OK;
}

void rt_hub_env_free(struct rt_hub_env *env)
{
    free(env->endpoint);
    free(env->token);
    *env = (struct rt_hub_env){ 0 };
}
