/* procfs.c - numbers in the texts of /proc. */
#include "config.h"
#include "monitor/procfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *next_line(const char *text)
{
    const char *end = strchr(text, '\n');
    return end != NULL ? end + 1 : text + strlen(text);
}

/* The range that a list such as "0-3,8" begins with; *list moves behind it. false: there is none. */
static bool next_range(const char **list, long *from, long *to)
{
    char *end;
    *from = strtol(*list, &end, 10);
    if (end == *list)
        return false;
    *to = *end == '-' ? strtol(end + 1, &end, 10) : *from;
    *list = *end == ',' ? end + 1 : "";
    return true;
}

bool rt_proc_in_list(const char *list, int n)
{
    long from, to;
    while (next_range(&list, &from, &to))
        if (n >= from && n <= to)
            return true;
    return false;
}

void rt_proc_mark(const char *list, bool *has)
{
    long from, to;
    while (next_range(&list, &from, &to) && from >= 0)
        for (long n = from; n <= to && n < RT_PROC_CPUS; n++)
            has[n] = true;
}

void rt_proc_list(const bool *has, char *list, size_t bytes)
{
    char part[32];
    size_t used = 0;
    list[0] = '\0';
    for (int n = 0, last; n < RT_PROC_CPUS; n = last + 1) {
        for (last = n; has[n] && last + 1 < RT_PROC_CPUS && has[last + 1];)
            last++;
        if (!has[n])
            continue;
        const int chars = last > n ? snprintf(part, sizeof part, "%s%d-%d", used > 0 ? "," : "", n, last)
                                   : snprintf(part, sizeof part, "%s%d", used > 0 ? "," : "", n);
        if (used + (size_t)chars >= bytes)
            return;
        memcpy(list + used, part, (size_t)chars + 1);
        used += (size_t)chars;
    }
}

bool rt_proc_cpus(const char *text, const char *list, double *busy, double *all)
{
    double at_work = 0, total = 0;
    bool found = false;
    for (; *text != '\0'; text = next_line(text)) {
        enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
        double t[FIELDS] = { 0 };
        int cpu = 0, used = 0;
        if (strncmp(text, "cpu", 3) != 0 || text[3] < '0' || text[3] > '9' || /* "cpu " is their sum */
            sscanf(text, "cpu%d%n", &cpu, &used) != 1 || (list != NULL && !rt_proc_in_list(list, cpu)))
            continue;
        char *at = (char *)text + used; /* strtod asks for no const; nothing is changed */
        for (int i = 0; i < FIELDS && *at != '\n'; i++)
            t[i] = strtod(at, &at);
        for (int i = 0; i < FIELDS; i++)
            total += t[i];
        at_work += t[USER] + t[NICE] + t[SYSTEM] + t[IRQ] + t[SOFTIRQ];
        found = true;
    }
    if (!found)
        return false;
    *busy = at_work;
    *all = total;
    return true;
}

bool rt_proc_process(const char *text, double *ticks)
{
    const char *end = strrchr(text, ')'); /* behind a name that may hold anything */
    unsigned long user, system;
    if (end == NULL ||
        sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return false;
    *ticks = (double)user + (double)system;
    return true;
}

bool rt_proc_pages(const char *text, double *resident, double *shared)
{
    unsigned long in_memory, common;
    if (sscanf(text, "%*u %lu %lu", &in_memory, &common) != 2)
        return false;
    *resident = (double)in_memory;
    *shared = (double)common;
    return true;
}

const char *rt_proc_word(const char *text, const char *word)
{
    const size_t n = strlen(word);
    for (; *text != '\0'; text = next_line(text))
        if (strncmp(text, word, n) == 0 && (n == 0 || text[n] == ' ' || text[n] == '\t'))
            return text + n + strspn(text + n, " \t");
    return NULL;
}

bool rt_proc_number(const char *text, const char *word, double *number)
{
    char *end;
    const char *at = rt_proc_word(text, word);
    if (at == NULL)
        return false;
    const double x = strtod(at, &end);
    if (end == at)
        return false;
    *number = x;
    return true;
}

bool rt_proc_network(const char *text, bool (*counts)(const char *name, void *context), void *context,
                     double *received, double *sent)
{
    double in = 0, out = 0;
    bool found = false;
    for (; *text != '\0'; text = next_line(text)) {
        char name[64];
        unsigned long long rx, tx;
        if (sscanf(text, " %63[^: \n]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &rx, &tx) != 3 ||
            !counts(name, context))
            continue;
        in += (double)rx;
        out += (double)tx;
        found = true;
    }
    if (!found)
        return false;
    *received = in;
    *sent = out;
    return true;
}

bool rt_proc_group(const char *text, const char *controller, char *group, size_t bytes)
{
    const size_t n = strlen(controller);
    for (; *text != '\0'; text = next_line(text)) {
        const char *names = strchr(text, ':'), *path = names != NULL ? strchr(names + 1, ':') : NULL;
        if (path == NULL || path > next_line(text))
            continue;
        bool is_it = n == 0 && path == names + 1;
        for (const char *name = names + 1; name < path && n > 0 && !is_it; name += strcspn(name, ",:") + 1)
            is_it = strncmp(name, controller, n) == 0 && (name[n] == ',' || name + n == path);
        const size_t length = strcspn(path + 1, "\n");
        if (!is_it || length >= bytes)
            continue;
        memcpy(group, path + 1, length);
        group[length] = '\0';
        return true;
    }
    return false;
}
