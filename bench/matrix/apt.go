package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// fetch returns the path of the cell's kernel, from the cache or from the
// newest package.
func (c *cell) fetch(o *options) (string, error) {
	dir := filepath.Join(o.cache, c.name)
	if k, err := c.unpacked(dir); err == nil {
		return k, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	var apt aptState
	pkg, err := apt.newest(c)
	if err != nil || pkg == "" {
		// The machine's own sources do not have it.
		if apt, err = newAptState(filepath.Join(o.cache, "apt-"+c.suite+"-"+c.arch), c); err != nil {
			return "", err
		}
		if pkg, err = apt.newest(c); err != nil {
			return "", err
		}
	}
	if pkg == "" {
		return "", fmt.Errorf("no package for %s", c.name)
	}
	packages := []string{pkg}
	if version, ok := strings.CutPrefix(pkg, "linux-binary-"); ok {
		packages = append(packages, "linux-modules-"+version) // a package of their own since 7.0
	}
	for _, p := range packages {
		if _, err := apt.run(dir, "apt-get", "download", "-q", p); err != nil {
			return "", err
		}
		files, err := filepath.Glob(filepath.Join(dir, p+"_*.deb"))
		if err != nil || len(files) == 0 {
			return "", fmt.Errorf("package %s is not there after its download", p)
		}
		if _, err := (aptState{}).run(dir, "dpkg-deb", "-x", files[len(files)-1], "."); err != nil {
			return "", err
		}
	}
	return c.unpacked(dir)
}

func (c *cell) unpacked(dir string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, c.image))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s has no %s", dir, c.image)
	}
	return found[len(found)-1], nil
}

// aptState is a state of apt's: the options that select it, none for the
// machine's own.
type aptState struct{ options []string }

func (a aptState) run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, append(slices.Clone(a.options), args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
		err = fmt.Errorf("%s: %s", name, lines[0])
	}
	return string(out), err
}

// newest returns the newest package for the cell, "" if there is none.
func (a aptState) newest(c *cell) (string, error) {
	out, err := a.run(".", "apt-cache", "pkgnames", "linux-")
	if err != nil {
		return "", err
	}
	best := ""
	for _, name := range strings.Fields(out) {
		if c.pkg.MatchString(name) && (best == "" || newer(name, best)) {
			best = name
		}
	}
	return best, nil
}

// newer compares names number by number.
func newer(a, b string) bool {
	x, y := numbers(a), numbers(b)
	return slices.Compare(x, y) > 0
}

func numbers(s string) (l []int) {
	in := false
	for _, r := range s {
		digit := r >= '0' && r <= '9'
		if digit && !in {
			l = append(l, 0)
		}
		if in = digit; digit {
			l[len(l)-1] = l[len(l)-1]*10 + int(r-'0')
		}
	}
	return l
}

// newAptState makes a state in dir for the cell's suite and architecture: the
// machine's mirror and keys with another suite's name.
func newAptState(dir string, c *cell) (aptState, error) {
	uri, err := mirror(strings.HasSuffix(c.suite, "-security"))
	if err != nil {
		return aptState{}, err
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial", "etc"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return aptState{}, err
		}
	}
	source := fmt.Sprintf("deb %s %s main\n", uri, c.suite)
	files := map[string]string{"etc/sources.list": source, "status": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return aptState{}, err
		}
	}
	var a aptState
	for _, s := range [][2]string{
		{"Dir::Etc::sourcelist", filepath.Join(dir, "etc/sources.list")}, {"Dir::Etc::sourceparts", "/dev/null"},
		{"Dir::State::lists", filepath.Join(dir, "lists")}, {"Dir::Cache", filepath.Join(dir, "cache")},
		{"Dir::State::status", filepath.Join(dir, "status")}, {"APT::Architecture", c.arch}, {"APT::Architectures", c.arch},
	} {
		a.options = append(a.options, "-o", s[0]+"="+s[1])
	}
	_, err = a.run(".", "apt-get", "update", "-q", "--error-on=any")
	return a, err
}

// mirror returns where the machine gets Debian's packages or security updates
// from.
func mirror(security bool) (string, error) {
	out, err := aptState{}.run(".", "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return "", err
	}
	for _, l := range strings.Split(out, "\n") {
		uri, release, ok := strings.Cut(l, " ")
		if ok && strings.HasSuffix(release, "-security") == security {
			return uri, nil
		}
	}
	return "", errors.New("apt has no source of Debian packages")
}
