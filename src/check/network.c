/* network.c - what a host's network promises: the rates that its working interfaces say. */
#include "config.h"
#include "check/state.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first line of a file; false where it cannot be read. */
static bool read_line(const char *path, char *line, size_t bytes)
{
    FILE *file = fopen(path, "r");
    const bool read = file != NULL && fgets(line, (int)bytes, file) != NULL;
    if (file != NULL)
        fclose(file);
    if (read)
        line[strcspn(line, "\n")] = '\0';
    return read;
}

struct interfaces {
    double sum, most;
    char *name; /* of the one with `most` */
    size_t bytes;
};

static void add(struct interfaces *all, const char *name, double rate)
{
    all->sum += rate;
    if (rate > all->most) {
        all->most = rate;
        snprintf(all->name, all->bytes, "%s", name);
    }
}

/* Ethernet: Mbit/s; virtual ones say nothing, or -1. A bond's members are counted, the bond is not. */
static void add_ethernet(struct interfaces *all, const char *name)
{
    char path[600], line[64];
    snprintf(path, sizeof path, "/sys/class/net/%.255s/device/uevent", name);
    if (!read_line(path, line, sizeof line)) /* no hardware: lo, bridges, bonds */
        return;
    snprintf(path, sizeof path, "/sys/class/net/%.255s/operstate", name);
    if (!read_line(path, line, sizeof line) || strcmp(line, "up") != 0)
        return;
    snprintf(path, sizeof path, "/sys/class/net/%.255s/type", name);
    if (!read_line(path, line, sizeof line) || atoi(line) != 1) /* IP over InfiniBand is counted below */
        return;
    snprintf(path, sizeof path, "/sys/class/net/%.255s/speed", name);
    if (read_line(path, line, sizeof line) && atof(line) > 0)
        add(all, name, atof(line) * 1e6 / 8);
}

/* "400 Gb/sec (4X NDR)" of a port that is "4: ACTIVE" and whose link layer is not Ethernet, which stands above.
 */
static void add_port(struct interfaces *all, const char *device, const char *port)
{
    char path[700], line[64];
    snprintf(path, sizeof path, "/sys/class/infiniband/%.200s/ports/%.20s/state", device, port);
    if (!read_line(path, line, sizeof line) || strstr(line, "ACTIVE") == NULL)
        return;
    snprintf(path, sizeof path, "/sys/class/infiniband/%.200s/ports/%.20s/link_layer", device, port);
    if (!read_line(path, line, sizeof line) || strcmp(line, "Ethernet") == 0)
        return;
    snprintf(path, sizeof path, "/sys/class/infiniband/%.200s/ports/%.20s/rate", device, port);
    if (read_line(path, line, sizeof line) && atof(line) > 0)
        add(all, device, atof(line) * 1e9 / 8);
}

/* The next name in a folder, which may be NULL. */
static const char *next_name(DIR *folder)
{
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL && entry->d_name[0] == '.')
        ;
    return entry != NULL ? entry->d_name : NULL;
}

double rt_network_rate(char *name, size_t bytes)
{
    struct interfaces all = { .name = name, .bytes = bytes };
    const char *at;
    name[0] = '\0';
    DIR *folder = opendir("/sys/class/net");
    while ((at = next_name(folder)) != NULL)
        add_ethernet(&all, at);
    if (folder != NULL)
        closedir(folder);
    folder = opendir("/sys/class/infiniband");
    while ((at = next_name(folder)) != NULL) {
        char path[300];
        snprintf(path, sizeof path, "/sys/class/infiniband/%.200s/ports", at);
        DIR *ports = opendir(path);
        for (const char *port; (port = next_name(ports)) != NULL;)
            add_port(&all, at, port);
        if (ports != NULL)
            closedir(ports);
    }
    if (folder != NULL)
        closedir(folder);
    return all.sum;
}
