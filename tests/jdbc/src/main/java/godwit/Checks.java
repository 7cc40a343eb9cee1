package godwit;
public final class Checks { public static void main(String[] a) {} }
