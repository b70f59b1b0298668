#include "clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t from_schedstat(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *directory = opendir(path);
    if (directory == NULL) return 0;
    uint64_t sum = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        char name[400];
        snprintf(name, sizeof name, "%s/%s/schedstat", path, entry->d_name);
        FILE *file = fopen(name, "r");
        if (file == NULL) continue;
        uint64_t time;
        if (fscanf(file, "%" SCNu64, &time) == 1) sum += time;
        fclose(file);
    }
    closedir(directory);
    return sum;
}

static uint64_t from_stat(int pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    char *read = fgets(line, sizeof line, file);
    fclose(file);
    // The name in parentheses may hold anything, so fields are counted from the last one on.
    char *name_end = read == NULL ? NULL : strrchr(line, ')');
    uint64_t user, system;
    if (name_end == NULL) return 0;
    int found = sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user, &system);
    return found == 2 ? (user + system) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK)) : 0;
}

uint64_t cpu_nanoseconds(int pid) {
    uint64_t time = from_schedstat(pid);
    return time > 0 ? time : from_stat(pid);
}
