// Opens and loads each object named on the command line with libbpf and prints
// whatever libbpf has to say above its debugging level. The exit code is the
// number of objects that did not load.
#include <stdarg.h>
#include <stdio.h>
#include <bpf/libbpf.h>

static const char *object;

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_DEBUG)
		return 0;
	printf("%s: ", object);
	return vprintf(format, args);
}

int main(int argc, char **argv)
{
	int failed = 0;

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	libbpf_set_print(print);
	for (int i = 1; i < argc; i++) {
		object = argv[i];
		struct bpf_object *obj = bpf_object__open_file(object, NULL);
		if (libbpf_get_error(obj)) {
			failed++;
			continue;
		}
		if (bpf_object__load(obj))
			failed++;
		bpf_object__close(obj);
	}
	return failed > 100 ? 100 : failed;
}
