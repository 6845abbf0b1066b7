/* hub_env.h - private to tools: what the environment says of the hub, under the names of the hub's own tools.
 */
#ifndef RT_TOOLS_HUB_ENV_H
#define RT_TOOLS_HUB_ENV_H

#include "base/status.h"

struct rt_hub_env {
    char *endpoint;      /* HF_ENDPOINT without slashes at its end */
    char *token;         /* HF_TOKEN, or the file of HF_TOKEN_PATH or of a login; NULL: none */
    const char *ca_file; /* CURL_CA_BUNDLE, SSL_CERT_FILE or REQUESTS_CA_BUNDLE; NULL: the system's */
    double timeout_s;    /* HF_HUB_DOWNLOAD_TIMEOUT */
};

/* Fails: RT_ERR_USAGE (HF_HUB_OFFLINE is set, a time-out that is no number), RT_ERR_MEMORY. */
rt_status rt_hub_env_read(struct rt_hub_env *env, struct rt_error *err);
void rt_hub_env_free(struct rt_hub_env *env);

#endif
