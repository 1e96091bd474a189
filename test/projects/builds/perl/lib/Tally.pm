package Tally;
use strict;
use warnings;

sub report {
    my %count;
    $count{$_}++ for split / /, shift;
    return join(' ', map { "$_=$count{$_}" } sort keys %count) . "\n";
}

1;
