/* output.c - would a run write over what another left in output_dir? */
#include "config.h"

#include "job/job.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *join(const char *folder, const char *name)
{
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = malloc(bytes);
    if (path != NULL)
        snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

/* A folder checkpoint-N? */
static bool is_checkpoint(const char *folder, const char *name)
{
    static const char prefix[] = "checkpoint-";
    struct stat info;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || name[sizeof prefix - 1] == '\0')
        return false;
    for (const char *c = name + sizeof prefix - 1; *c != '\0'; c++)
        if (!isdigit((unsigned char)*c))
            return false;
    char *path = join(folder, name);
    const bool is_folder = path != NULL && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    free(path);
    return is_folder;
}

static bool is_weights(const char *name)
{
    static const char *const names[] = {
        "adapter_model.safetensors",    "adapter_model.bin", "model.safetensors",
        "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

rt_status rt_job_check_output(const struct rt_job *job, struct rt_error *err)
{
    const struct rt_train_options *t = &job->train;
    struct stat info;
    if (stat(job->output_dir, &info) != 0)
        return RT_OK; /* it will be made */
    if (!S_ISDIR(info.st_mode))
        return rt_fail(err, RT_ERR_OUTPUT, "output_dir: %s is not a folder; write another", job->output_dir);
    if (!t->do_train || t->resume_from_checkpoint != NULL || t->overwrite_output_dir)
        return RT_OK;
    DIR *folder = opendir(job->output_dir);
    if (folder == NULL)
        return rt_fail(err, RT_ERR_OUTPUT, "output_dir: %s cannot be read; write another", job->output_dir);
    bool weights = false, checkpoint = false;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        weights = weights || is_weights(entry->d_name);
        checkpoint = checkpoint || is_checkpoint(job->output_dir, entry->d_name);
    }
    closedir(folder);
    if (weights && !checkpoint)
        return rt_fail(err, RT_ERR_OUTPUT,
                       "output_dir: %s holds the weights of an earlier run and no checkpoint to go "
                       "on from; write overwrite_output_dir: true, or another output_dir",
                       job->output_dir);
    return RT_OK;
}
